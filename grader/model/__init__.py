"""The values everything speaks in. Nothing here does I/O or imports anything of ours."""
