"""The gate between the untrusted and us: bytes in, typed evidence or EvidenceError out."""
