"""What people read: HTML feedback, class page, CSV, JSON and terminal, all made from an `Outcome`."""
