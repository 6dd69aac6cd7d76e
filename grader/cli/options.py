"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.model.budget import Level

CourseOption = Annotated[
    Path | None,
    typer.Option(
        "--course", help="The course's folder (with assignments/). Default: found upwards from here."
    ),
]
AssignmentOption = Annotated[
    str | None, typer.Option("--assignment", "-a", help="Id of the practical. Default: recognised.")
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="Where reports, gradebook and evidence are written.")
]
LevelOption = Annotated[Level, typer.Option("--level", help="How much is run.")]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="GRADER_DATA", help="Folder with the real datasets (Keras's layout)."),
]
DownloadOption = Annotated[
    bool, typer.Option("--download", help="Download a dataset that is not on this machine.")
]
WorkersOption = Annotated[
    int, typer.Option("--workers", "-j", min=0, help="Submissions at once. 0: one per processor core.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=1, help="Seed of everything that is drawn.")]
LanguageOption = Annotated[
    str | None, typer.Option("--language", "-l", help="es or en. Default: the course's.")
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=1, help="Seconds a submission may take, half of it one cell. Default: by level."
    ),
]
MemoryOption = Annotated[
    float | None, typer.Option("--memory", min=0.5, help="GiB of memory a submission may hold. Default: 4.")
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust-submissions",
        help="Run without a sandbox, with your own rights. For your own code only.",
    ),
]
ContainerOption = Annotated[
    bool,
    typer.Option(
        "--container",
        help="This container is thrown away afterwards: grade in it where no sandbox holds.",
    ),
]
