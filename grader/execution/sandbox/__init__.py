"""Everything of ours that keeps student code in. Standard library only: it also runs inside the boxes.

`landlock`, `seccomp`: what a process gives up. `nest`, `fence`: the two ways in which a forked child shuts
itself in before it runs anything of a student's. `zygote`: forks them. `canary_inside`: attacks them.
"""
