"""The application: commands, and the one place where our errors become words and a status."""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from grader import __version__
from grader.cli.console import language, stderr
from grader.cli.exits import Exit
from grader.cli.interrupt import Interrupted, leave
from grader.messages import render
from grader.model.errors import CourseError, GraderError, IntakeError, UsageError


class PathOrCommand(TyperGroup):
    """`grade submissions/` is `grade run submissions/`: a first word that is no command is a path."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Imported when asked for: together the commands take a second to import."""
        return _command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            if not Path(args[0]).exists():
                _no_such_path(args[0])
            args = ["run", *args]
        return super().resolve_command(ctx, args)


def _no_such_path(word: str) -> None:
    """Raises UsageError when a command was meant."""
    from grader.cli.lookup import near

    if meant := near(word, COMMANDS):
        raise UsageError("cli.no_such_command", word=word, near=meant)


app = typer.Typer(
    cls=PathOrCommand,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Grade deep-learning practicals: [bold]grade submissions/[/bold] for a class, "
    "[bold]grade check notebook.ipynb[/bold] for your own.",
)
COMMANDS = {
    "run": ("run:run", "Grade a folder, archive or notebook (the word 'run' may be left out)."),
    "regrade": ("grading:regrade", "Apply checks again to stored evidence; no student code runs."),
    "explain": ("grading:explain", "Every fact, its provenance, the rule and the points: for an appeal."),
    "mark": ("grading:mark", "Give a check its points by hand; they survive every regrade."),
    "check": ("checking:check", "Check your own notebook, with the checks students may see."),
    "ci": ("checking:ci", "Grade in a pipeline and write its result file."),
    "assignments": ("authoring:assignments", "List the course's practicals."),
    "show": ("authoring:show", "Show one practical's rubric and bands."),
    "calibrate": ("authoring:calibrate", "Measure expected values from the references."),
    "validate": ("authoring:validate", "Prove a practical sound: references, variants, mutants."),
    "demo": ("upkeep:demo", "Grade a small made-up class, from nothing."),
    "doctor": ("upkeep:doctor", "Frameworks, data and sandbox of this machine."),
    "purge": ("upkeep:purge", "Remove all personal data of a class."),
}
"""Name of each command: its function, in a module beside this one, and what it is for."""


@functools.cache
def _command(name: str) -> Any:
    place, help = COMMANDS[name]
    module, _, function = place.partition(":")
    command = getattr(importlib.import_module(f"grader.cli.{module}"), function)
    alone = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich", add_completion=False)
    alone.command(name, help=help)(_exiting(command))
    return typer.main.get_command(alone)


def _exiting(command: Callable[..., int]) -> Callable[..., None]:
    """The command with its status as the process's exit status."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            status = int(command(*args, **kwargs))
        except KeyboardInterrupt:
            raise Interrupted from None
        raise typer.Exit(status)

    return run


def _version(value: bool) -> None:
    if value:
        typer.echo(f"grade {__version__}")
        raise typer.Exit()


@app.callback()
def common(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what happens, for staff."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True),
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(name)s: %(message)s")


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit. Status: see `Exit`."""
    try:
        app(args)
    except (UsageError, CourseError, IntakeError) as error:
        _say(error)
        sys.exit(Exit.USAGE)
    except GraderError as error:  # ours: sandbox, gradebook, store, a platform's files
        _say(error)
        sys.exit(Exit.UNGRADED)
    except Interrupted:
        leave()


def _say(error: GraderError) -> None:
    """Our error in words; a key the catalogue lacks must not hide what happened."""
    try:
        words = render(error.message, language())
    except KeyError:
        words = str(error)
    stderr.print(f"[bold red]✗[/] {escape(words)}")
