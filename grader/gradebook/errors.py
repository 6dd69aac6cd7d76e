"""What can go wrong with a gradebook; each sentence names the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from grader.model.errors import GraderError


class GradebookError(GraderError):
    """The gradebook cannot be opened, read or written."""


class GradebookBusy(GradebookError):
    """Another run works on this gradebook, or took it over from this one."""


@contextmanager
def database_errors(where: str) -> Iterator[None]:
    """The one place where the database's failures become ours.

    Raises:
        GradebookError: with the database's own words, without the statement (it holds students' data).
    """
    try:
        yield
    except DBAPIError as error:
        raise GradebookError("gradebook.database", where=where, why=str(error.orig)[:300]) from error
    except SQLAlchemyError as error:
        raise GradebookError("gradebook.database", where=where, why=str(error)[:300]) from error
