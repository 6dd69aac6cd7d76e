"""Warm kernels: forked, each in a box of its own, from a process that has imported the libraries.

`nest.py` and `zygote.py` run inside bubblewrap's box and import nothing of ours; the rest is the host's side.
"""
