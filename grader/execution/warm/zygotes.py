"""The zygotes of one shelter: what each is shown and imports."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from grader.execution.isolated import DATA_FOLDER, PROBE, PROBE_FOLDER
from grader.execution.layout import Mount
from grader.execution.warm.frameworks import libraries
from grader.execution.warm.host import Zygote
from grader.execution.warm.pool import Pool
from grader.execution.warm.shelter import Place, Shelter
from grader.model.submission import SourceCell

_PRELOAD = "preload.py"


class Zygotes:
    """One for each data folder, number of threads and set of frameworks. Safe to use from several threads."""

    def __init__(
        self,
        shelter: Shelter,
        *,
        probe: Path = PROBE,
        modules: Sequence[str] | None = None,
        scripts: Sequence[Path] = (),
    ) -> None:
        """`modules` are imported before the fork; None: those that the notebook asks for. `scripts` are
        those that clean processes run."""
        self.shelter = shelter
        self.probe = probe
        self.scripts = tuple(scripts)
        self._modules = None if modules is None else tuple(modules)
        self._pool = Pool(shelter)

    def begin(self, data: Path, threads: int) -> None:
        """Have the zygote that most notebooks need import while we go on."""
        self._pool.begin(self._place(data, threads, ()))

    def lease(
        self, data: Path, threads: int, cells: Sequence[SourceCell] | None = ()
    ) -> AbstractContextManager[Zygote]:
        """The zygote for these cells, ready to fork; None: one that imported nothing.

        Raises Refused where it is entered, when there is none.
        """
        return self._pool.lease(self._place(data, threads, cells))

    @property
    def closed(self) -> bool:
        return self._pool.closed

    def boot(self) -> str:
        """The kernel's program, as a zygote's child finds it."""
        return f"{self._shown_probe().target}/boot.py"

    def data(self, folder: Path) -> Mount:
        """Where a zygote's child finds its data."""
        return self.shelter.shown(folder, DATA_FOLDER)

    def script(self, path: Path) -> Mount:
        """Where a clean process finds its script."""
        return self.shelter.shown(path, f"/opt/kernel/{path.name}")

    def close(self) -> None:
        """End them, and whatever they forked; the shelter too."""
        self._pool.close()

    def _place(self, data: Path, threads: int, cells: Sequence[SourceCell] | None) -> Place:
        shown = (self.data(data), self._shown_probe(), *map(self.script, self.scripts))
        return Place(shown, threads, () if cells is None else self._imports(cells))

    def _imports(self, cells: Sequence[SourceCell]) -> tuple[str, ...]:
        preload = f"{self._shown_probe().target}/{_PRELOAD}"
        own = (preload,) if (self.probe / _PRELOAD).is_file() else ()
        return (*(libraries(cells) if self._modules is None else self._modules), *own)

    def _shown_probe(self) -> Mount:
        return self.shelter.shown(self.probe, PROBE_FOLDER)
