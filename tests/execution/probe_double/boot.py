"""A stand-in for the probe: sends the job file back as evidence, then serves a bare kernel.

The number of the evidence descriptor and the job are left in the environment for the tests' cells.
"""

import argparse
import os
from pathlib import Path

from ipykernel.kernelapp import IPKernelApp

parser = argparse.ArgumentParser()
parser.add_argument("--evidence-fd", type=int)
parser.add_argument("--key-fd", type=int)
parser.add_argument("--job")
parser.add_argument("-f", dest="connection")
arguments = parser.parse_args()
job = Path(arguments.job).read_text(encoding="utf-8")
os.write(arguments.evidence_fd, job.encode())
os.environ["EVIDENCE"] = str(arguments.evidence_fd)
os.environ["JOB"] = job
IPKernelApp.launch_instance(argv=["-f", arguments.connection])
