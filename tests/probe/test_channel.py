"""Frames as the gate reads them, whatever is put into them."""

from __future__ import annotations

import functools
import inspect
import math
import os
import struct

import numpy as np
import pytest

from grader.evidence import wire
from grader.evidence.gate import read_frames
from grader.probe import figures
from grader.probe.channel import Channel
from grader.probe.state import Job, Probe


@pytest.fixture
def pair(tmp_path):
    path = tmp_path / "evidence"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield Channel(descriptor, limit=2**25 * 2), path
    os.close(descriptor)


def test_arrays_arrive_as_they_were_sent(pair):
    """Dtype, shape and values survive, whatever the memory order was."""
    channel, path = pair
    hashes = np.arange(6, dtype=np.uint64)
    samples = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4))
    header = {"id": "a", "shape": [6, 4], "whole": True, "rows": 6}
    assert channel.send("array", header, {"hashes": hashes, "samples": samples})
    [frame] = read_frames(path.read_bytes()).frames
    assert isinstance(frame.event, wire.Data)
    assert np.array_equal(frame.arrays["hashes"], hashes)
    assert np.array_equal(frame.arrays["samples"], samples)


def test_what_json_cannot_say_becomes_null_or_text(pair):
    """NaN, infinities, NumPy scalars and lone surrogates never make a frame unreadable."""
    channel, path = pair
    results = {"loss": math.nan, "acc": np.float32(0.5), "inf": -math.inf, "bad\ud800": 1}
    header = {"cell": 0, "serial": 0, "x": "", "y": "", "results": results, "rows_used": np.int64(3)}
    channel.send("evaluate", header)
    [frame] = read_frames(path.read_bytes()).frames
    assert frame.event.results == {"loss": None, "acc": 0.5, "inf": None, "bad?": 1}
    assert frame.event.rows_used == 3


def test_numbers_count_up_and_the_limit_holds(pair):
    """Frames are numbered without gaps; what would pass the limit is left out, later ones still go."""
    channel, path = pair
    header = {"id": "a", "shape": [1], "whole": True, "rows": 1}
    sent = [channel.send("array", header, {"samples": np.zeros(2**22 * 3, np.float32)}) for _ in range(3)]
    assert sent == [True, False, False] or sum(sent) == 1
    assert channel.send("tamper", {"cell": 0, "what": "x"})
    assert [f.event.seq for f in read_frames(path.read_bytes()).frames] == [0, 1]


def test_room_is_kept_for_frames_without_weights(pair):
    """Weights are refused while small frames still fit."""
    channel, _ = pair
    assert channel.room_for(2**20)
    assert not channel.room_for(2**26)


KEY = b"k" * 32
FORGED = b'{"type":"tamper","seq":0,"cell":0,"what":"forged"}'


@pytest.mark.parametrize("tag", [b"", bytes(16)])
def test_what_the_probe_did_not_send_is_refused(tmp_path, tag):
    """Bytes written past the probe end up as tampering; frames before them, and after whole ones, hold."""
    path = tmp_path / "evidence"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    channel = Channel(descriptor, key=KEY)
    channel.send("tamper", {"cell": 0, "what": "first"}, {"a": np.zeros(2, np.uint8)})
    os.write(descriptor, struct.pack(">II", len(FORGED), 0) + FORGED + tag)
    channel.send("tamper", {"cell": 0, "what": "second"})
    os.close(descriptor)
    read = read_frames(path.read_bytes(), KEY)
    assert [f.event.what for f in read.frames] == (["first", "second"] if tag else ["first"])
    assert read.refused[0] == "a frame that the probe did not send"
    assert read_frames(path.read_bytes(), b"x" * 32).frames == ()


def test_frames_cannot_be_sent_again(tmp_path):
    """A frame that was sent once, MAC and all, is no frame at another place."""
    path = tmp_path / "evidence"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    Channel(descriptor, key=KEY).send("tamper", {"cell": 0, "what": "x"})
    os.close(descriptor)
    read = read_frames(path.read_bytes() * 2, KEY)
    assert (len(read.frames), len(read.refused)) == (1, 1)


def test_only_what_comes_through_a_door_is_sent(pair):
    """Anybody else's frame becomes a report of itself; sending through a door stays possible."""
    channel, path = pair
    probe = Probe(Job(), channel)
    channel.guard()
    channel.send("evaluate", {"cell": 3, "results": {"accuracy": 1.0}})
    probe.quietly(probe.send, "evaluate", {"results": {"accuracy": 1.0}})
    send = functools.partial(probe.send, "load", {"dataset": "cifar10", "shapes": []})
    watched = figures._first(probe, send, print)
    watched(end="")
    first, second, third = [f.event for f in read_frames(path.read_bytes()).frames]
    assert first.what == second.what == "a frame of type 'evaluate' that no library call gave cause for"
    assert isinstance(third, wire.Load)


def test_doors_show_nothing_of_what_is_behind(pair):
    """No attribute of the channel, or of a wrapped function, leads to the probe."""
    channel, _ = pair
    watched = figures._first(Probe(Job(), channel), len, print)
    for function in (channel.send, channel.room_for, watched):
        assert not hasattr(function, "__closure__")
        assert not hasattr(function, "__globals__")
        inside = [value for name, value in inspect.getmembers(function) if "wrap" not in name]
        assert not any(inspect.isfunction(value) for value in inside)


def test_a_broken_channel_falls_silent(tmp_path):
    """A closed descriptor raises nothing."""
    descriptor = os.open(tmp_path / "evidence", os.O_WRONLY | os.O_CREAT)
    channel = Channel(descriptor)
    os.close(descriptor)
    assert not channel.send("tamper", {"cell": 0, "what": "x"})


def test_a_forked_child_says_nothing(pair):
    """Frames of a forked child would tear the parent's apart."""
    channel, path = pair
    child = os.fork()
    if child == 0:
        channel.send("tamper", {"cell": 0, "what": "child"})
        os._exit(0)
    os.waitpid(child, 0)
    assert path.read_bytes() == b""
