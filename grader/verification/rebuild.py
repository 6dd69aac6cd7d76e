"""Asks the clean sandbox: one long-lived worker process, restarted when it fails.

The worker never runs student code, so one may serve a whole class; what it answers is still checked
like anything that comes out of a box.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

import msgspec
import numpy as np
from msgspec import Meta, Struct

from grader.evidence.assemble import Snapshot
from grader.execution.processes import Piped
from grader.model.errors import EvidenceError, ExecutionError
from grader.model.evidence import Compilation, Episode, Evidence, Retraining, Verified
from grader.model.graph import Graph

log = logging.getLogger(__name__)

Share = Annotated[float, Meta(ge=0, le=1)]
MAX_REPLY = 4 * 2**20

Launch = Callable[[], Piped]


class Reply(Struct, frozen=True, forbid_unknown_fields=True):
    params: Annotated[int, Meta(ge=0)] = 0
    output_shapes: tuple[tuple[int | None, ...], ...] = ()
    accuracy: Share | None = None
    initial_accuracy: Share | None = None
    rows: Annotated[int, Meta(ge=0)] = 0
    top: Annotated[tuple[int, ...], Meta(max_length=64)] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RetrainPlan:
    """How a net is trained anew: rows once each, in batches, from fresh weights."""

    rows: int
    batch_size: int
    seed: int


class Rebuilder:
    """Rebuilds and retrains nets in the clean sandbox. Safe to use from several threads.

    Args:
        launch: starts the worker in its box, with pipes for stdin and stdout.
        timeout: seconds one answer may take before the worker is replaced.
    """

    def __init__(self, launch: Launch, *, timeout: float = 300) -> None:
        self._launch = launch
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process: Piped | None = None
        self._replies: queue.Queue[bytes | None] = queue.Queue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._stop()

    def verify(self, evidence: Evidence, snapshots: tuple[Snapshot, ...]) -> Evidence:
        """Add to every episode whose net can be rebuilt what the rebuild gave."""
        weights = {s.episode: s for s in snapshots}
        episodes = tuple(
            msgspec.structs.replace(e, verified=self._verify(e, weights.get(e.number), evidence.seed))
            for e in evidence.episodes
        )
        return msgspec.structs.replace(evidence, episodes=episodes)

    def params(self, graph: Graph, seed: int = 0) -> int | None:
        """Verified parameter count of a net, None when it cannot be rebuilt."""
        reply = self._ask("rebuild", graph, seed)
        return None if reply.refused else reply.params

    def retrain(self, episode: Episode, plan: RetrainPlan) -> Retraining | None:
        """The episode's net trained by us; None when it cannot be rebuilt or trained."""
        if not episode.graph.exact or episode.compilation is None or episode.x.scale is None:
            return None
        reply = self._ask("retrain", episode.graph, plan.seed, _training(episode, episode.compilation, plan))
        if reply.refused or reply.accuracy is None:
            log.info("retraining refused: %s", reply.refused)
            return None
        return Retraining(episode.number, reply.accuracy, plan.rows, reply.rows, plan.seed)

    def _verify(self, episode: Episode, snapshot: Snapshot | None, seed: int) -> Verified | None:
        if not episode.graph.exact:
            return None
        arrays = (*snapshot.final, *snapshot.initial) if snapshot else ()
        blob = b"".join(np.ascontiguousarray(a, "<f4").tobytes() for a in arrays)
        scaling = {"scale": episode.x.scale, "offset": episode.x.offset}
        reply = self._ask("rebuild", episode.graph, seed, scaling, blob)
        if reply.refused:
            log.info("rebuild refused: %s", reply.refused)
            return None
        return Verified(
            params=reply.params,
            output_shapes=reply.output_shapes,
            accuracy=reply.accuracy,
            initial_accuracy=reply.initial_accuracy,
            rows=reply.rows,
            top=reply.top,
        )

    def _ask(
        self, op: str, graph: Graph, seed: int, more: Mapping[str, object] | None = None, blob: bytes = b""
    ) -> Reply:
        header = msgspec.json.encode({"op": op, "seed": seed, "graph": graph, **(more or {})})
        with self._lock:
            try:
                return self._exchange(struct.pack(">II", len(header), len(blob)) + header + blob)
            except (OSError, EvidenceError, ExecutionError) as error:
                log.warning("the rebuild worker failed on %s: %s", op, error)
                self._stop()
                return Reply(refused=str(error))

    def _exchange(self, request: bytes) -> Reply:
        process = self._process or self._start()
        assert process.stdin is not None
        process.stdin.write(request)
        process.stdin.flush()
        try:
            answer = self._replies.get(timeout=self._timeout)
        except queue.Empty:
            raise EvidenceError("verification.timeout", seconds=self._timeout) from None
        if answer is None:
            raise EvidenceError("verification.died")
        try:
            return msgspec.json.decode(answer, type=Reply)
        except msgspec.DecodeError as error:
            raise EvidenceError("evidence.bad_frame", why=str(error)[:200]) from None

    def _start(self) -> Piped:
        self._replies = queue.Queue()
        self._process = self._launch()
        threading.Thread(
            target=_pump, args=(self._process, self._replies), name="rebuild-replies", daemon=True
        ).start()
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):  # what was still to be written has no reader any more
                    self._process.stdin.close()
            self._process = None


def _pump(process: Piped, replies: queue.Queue[bytes | None]) -> None:
    """Move replies from the pipe to the queue: a read with a timeout that works on every platform."""
    assert process.stdout is not None
    with process.stdout as stream:
        while len(head := stream.read(8)) == 8:
            length, _ = struct.unpack(">II", head)
            if length > MAX_REPLY:
                break
            replies.put(stream.read(length))
    replies.put(None)


def _training(episode: Episode, compilation: Compilation, plan: RetrainPlan) -> dict[str, object]:
    return {
        "scale": episode.x.scale,
        "offset": episode.x.offset,
        "rows": plan.rows,
        "batch_size": plan.batch_size,
        "optimizer": compilation.optimizer,
        "loss": compilation.loss.kind,
        "from_logits": compilation.loss.from_logits,
    }
