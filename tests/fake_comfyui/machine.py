"""The fake's queue, worker and history. Nothing runs by itself: `settle` does all that was due by the clock."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fake_comfyui.checking import Graph, is_link
from tests.fake_comfyui.disk import Disk, model
from tests.fake_comfyui.nodes import FILES, KINDS

PREFIX_OUTSIDE = "Saving image outside the output folder is not allowed."


@dataclass(order=True)
class Item:
    """A job in line."""

    number: float
    id: str = field(compare=False)
    graph: Graph = field(compare=False)
    extra: dict[str, Any] = field(compare=False)
    outputs: list[str] = field(compare=False)
    created_s: float = field(compare=False)


@dataclass
class Run:
    """One time that a job ran; these are the fake's books and are never removed."""

    item: Item
    started_s: float
    status: str = "in_progress"
    ended_s: float | None = None
    executed: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    steps: Iterator[float] = field(default_factory=lambda: iter(()))
    at_s: float = 0.0
    is_interrupted: bool = False
    end: dict[str, Any] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.item.id


class Stopped(Exception):
    """The job was interrupted."""


class Failed(Exception):
    """A node raised something."""


@dataclass
class Machine:
    """One server.

    Attributes:
        step_s: of a sampler. Other nodes take `node_s` and cannot be interrupted while they run.
        breaks: kinds of nodes that raise: (exception type, message).
        raw: what a kind of output node tells instead of the truth.
        heals: whether what breaks is mended by `free`, as a full graphics card is.
        frees: what `free` was asked for, one by one.
        slow: how long a kind of node takes that is no sampler, in seconds.
        gone: kinds of nodes that are not installed.
        runs, posts: the books.
    """

    clock_s: Callable[[], float]
    step_s: float = 0.1
    node_s: float = 0.1
    most_history: int = 10_000
    files: dict[str, list[str]] = field(default_factory=lambda: {key: list(names) for key, names in FILES.items()})
    breaks: dict[str, tuple[str, str]] = field(default_factory=dict)
    raw: dict[str, dict[str, Any]] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    heals: bool = False
    frees: list[dict[str, Any]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    runs: list[Run] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    queue: list[Item] = field(default_factory=list)
    history: dict[str, Run] = field(default_factory=dict)
    running: Run | None = None
    counter: int = 0
    free_s: float = 0.0
    sockets: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.disk = Disk(clock_s=self.clock_s)
        self._cache: dict[str, Any] = {}

    def put(
        self, id_: str, graph: Graph, extra: dict[str, Any], outputs: list[str], number: float | None = None
    ) -> int:
        """In line; a number that is taken already breaks the line after the job is in it."""
        if number is None:
            number, self.counter = float(self.counter), self.counter + 1
        is_tied = any(item.number == number for item in self.queue)
        self.posts.append(id_)
        heapq.heappush(self.queue, Item(number, id_, graph, extra, outputs, self.clock_s()))
        if is_tied:
            raise TypeError("'<' not supported between instances of 'dict' and 'dict'")
        return int(number)

    def settle(self) -> None:
        """Do all that was due by now, one job after the other."""
        now = self.clock_s()
        while True:
            if self.running is None:
                if not self.queue or max(self.free_s, self.queue[0].created_s) > now:
                    break
                item = heapq.heappop(self.queue)
                self._start(item, max(self.free_s, item.created_s))
            run = self.running
            assert run is not None
            if run.at_s > now:
                break
            self._advance(run)

    def _start(self, item: Item, at_s: float) -> None:
        run = Run(item, started_s=at_s, at_s=at_s)
        run.steps = self._work(run)
        self.running = run
        self.runs.append(run)
        self._tell(run, "execution_start", timestamp=int(at_s * 1000))

    def _advance(self, run: Run) -> None:
        """Up to the next moment of the job, or to its end."""
        try:
            run.at_s += next(run.steps)
            return
        except StopIteration:
            run.status = "completed"
            self._tell(run, "execution_success", timestamp=int(run.at_s * 1000))
        except Stopped:
            run.status = "cancelled"
            self._tell(run, "execution_interrupted", **run.end)
        except Failed:
            run.status = "failed"
            self._tell(run, "execution_error", **(run.error or {}))
        run.ended_s = self.free_s = run.at_s
        self.running = None
        if run.id not in self.history and len(self.history) >= self.most_history:
            del self.history[next(iter(self.history))]
        self.history[run.id] = run  # by id: a second run of the same takes the place of the first

    def _work(self, run: Run) -> Iterator[float]:
        """Node by node, the inputs first; gives how long the next moment lasts."""
        graph, cache = run.item.graph, {}
        order = _order(graph, run.item.outputs)
        names = {key: self._name(graph, key) for key in order}
        run.cached = [key for key in order if names[key] in self._cache]
        self._tell(run, "execution_cached", nodes=run.cached, timestamp=int(run.at_s * 1000))
        for key in order:
            self._check(run, key)
            if key in run.cached:
                told = self._cache[names[key]]
            else:
                self._state(run, key, 0, 1)
                self._tell(run, "executing", node=key, display_node=key)
                yield from self._node(run, key)
                told = self._finish(run, key)
                self._state(run, key, 1, 1)
                run.executed.append(key)
            cache[names[key]] = told
            if told is not None:
                run.outputs[key] = told
                self._tell(run, "executed", node=key, output=told)
        self._cache = cache  # of the graph before this one alone

    def _node(self, run: Run, key: str) -> Iterator[float]:
        node = run.item.graph[key]
        steps = node["inputs"].get("steps")
        if not isinstance(steps, int):
            yield self.slow.get(node["class_type"], self.node_s)
            return
        for step in range(1, steps + 1):
            yield self.step_s
            self._check(run, key)
            self._state(run, key, step, steps)
            self._tell(run, "progress", value=step, max=steps, node=key)

    def _state(self, run: Run, key: str, value: int, most: int) -> None:
        run.states[key] = {"value": value, "max": most, "state": "finished" if value == most else "running"}
        self._tell(run, "progress_state", nodes=dict(run.states))

    def _check(self, run: Run, key: str) -> None:
        if run.is_interrupted:
            run.end = {"node_id": key, "node_type": run.item.graph[key]["class_type"]}
            raise Stopped

    def _finish(self, run: Run, key: str) -> dict[str, Any] | None:
        """What an output node tells; None of any other. Raises: Failed."""
        graph = run.item.graph
        kind, inputs = graph[key]["class_type"], graph[key]["inputs"]
        picture = self._picture(run, key) if kind == "LoadImage" else None
        if kind in self.breaks:
            self._fail(run, key, *self.breaks[kind])
        if picture is not None or not KINDS[kind].is_output:
            return None
        if ".." in str(inputs.get("filename_prefix", "")) or str(inputs.get("filename_prefix", "")).startswith("/"):
            self._fail(run, key, "Exception", PREFIX_OUTSIDE)
        told = self._saved(run, kind, str(inputs.get("filename_prefix", "")))
        return self.raw.get(kind, told)

    def _picture(self, run: Run, key: str) -> bytes:
        """It is read now, not when the job was sent."""
        data = self.disk.picture(str(run.item.graph[key]["inputs"]["image"]))
        if data is None:
            self._fail(run, key, "FileNotFoundError", "[Errno 2] No such file: '/srv/comfy/input/x.png'")
        if not data.startswith((b"\x89PNG", b"\xff\xd8")):
            self._fail(run, key, "PIL.UnidentifiedImageError", "cannot identify image file '/srv/comfy/input/x.png'")
        return data

    def _fail(self, run: Run, key: str, type_: str, message: str) -> Any:
        run.error = {
            "node_id": key,
            "node_type": run.item.graph[key]["class_type"],
            "executed": list(run.executed),
            "exception_type": type_,
            "exception_message": f"{message}\n",
            "traceback": ['  File "/srv/comfy/execution.py", line 500, in execute\n'] * 30,
            "current_inputs": {"samples": ["tensor([[0.1, 0.2], [0.3, 0.4]])" * 200]},
            "timestamp": int(run.at_s * 1000),
        }
        raise Failed

    def _saved(self, run: Run, kind: str, prefix: str) -> dict[str, Any]:
        graph = run.item.graph
        if kind in ("PreviewImage", "SaveImage"):
            folder = "temp" if kind == "PreviewImage" else "output"
            return {"images": [{"filename": "p_00001_.png", "subfolder": "", "type": folder}]}
        data = model(graph, self._seen(graph), has_graph=kind == "SaveGLB")
        name = hashlib.sha256(data).hexdigest()[:16]
        if kind == "Preview3D":
            self.disk.write(("output", "", f"preview3d_{name}.glb"), data)
            return {"result": [f"preview3d_{name}.glb", None, None]}
        if kind == "Preview3DAdvanced":
            self.disk.write(("temp", "", f"preview3d_advanced_{name}.glb"), data)
            return {"result": [f"preview3d_advanced_{name}.glb", None, []]}
        pattern = "{}_{:05}.glb" if kind == "Save3DAdvanced" else "{}_{:05}_.glb"
        subfolder, file = self.disk.next_name(prefix, pattern)
        self.disk.write(("output", subfolder, file), data)
        if kind == "Save3DAdvanced":
            return {"result": [f"{subfolder}/{file}", None, []]}
        if kind == "PackSaveGLB":
            return {"text": ["saved"], "glb_path": [f"/srv/comfy/output/{subfolder}/{file}"]}
        return {"3d": [{"filename": file, "subfolder": subfolder, "type": "output"}]}

    def _seen(self, graph: Graph) -> bytes | None:
        names = [str(node["inputs"]["image"]) for node in graph.values() if node["class_type"] == "LoadImage"]
        return self.disk.picture(names[0]) if names else None

    def _name(self, graph: Graph, key: str) -> str:
        """Of a node with all that leads to it, and with the bytes of its picture."""
        node = graph[key]
        inputs = {
            name: self._name(graph, value[0]) + str(value[1]) if is_link(value) else value
            for name, value in node["inputs"].items()
        }
        data = self.disk.picture(str(inputs.get("image"))) if node["class_type"] == "LoadImage" else None
        text = json.dumps([node["class_type"], inputs, hashlib.sha256(data or b"").hexdigest()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def cancel(self, id_: str) -> bool:
        """Whether something was removed or asked to stop; of two of one id, one a call."""
        if self.running is not None and self.running.id == id_:
            self.running.is_interrupted = True
            return True
        return self.drop(id_)

    def drop(self, id_: str) -> bool:
        waiting = next((item for item in self.queue if item.id == id_), None)
        if waiting is not None:
            self.queue.remove(waiting)
            heapq.heapify(self.queue)
        return waiting is not None

    def free(self, asked: dict[str, Any]) -> None:
        """Unload models and forget results, as far as was asked."""
        self.frees.append(asked)
        if asked.get("free_memory"):
            self._cache = {}
        if self.heals and asked.get("unload_models"):
            self.breaks.clear()

    def restart(self, *, half: bool = False) -> None:
        """The process ends and begins again: queue and history are gone, files stay, one may be half written."""
        self.settle()
        run = self.running
        if half and run is not None:
            prefix = next(
                str(n["inputs"]["filename_prefix"]) for n in run.item.graph.values() if n["class_type"] == "SaveGLB"
            )
            subfolder, name = self.disk.next_name(prefix, "{}_{:05}_.glb")
            data = model(run.item.graph, self._seen(run.item.graph))
            self.disk.write(("output", subfolder, name), data[: len(data) // 2])
        if run is not None:
            run.status, run.ended_s = "lost", self.clock_s()
        self.queue, self.history, self.running, self._cache = [], {}, None, {}
        self.counter, self.free_s = 0, self.clock_s()
        self.disk.restart()
        self.sockets.clear()

    def _tell(self, run: Run, kind: str, **data: Any) -> None:
        client = str(run.item.extra.get("client_id", ""))
        if client in self.sockets:
            self.sockets[client].append({"type": kind, "data": {"prompt_id": run.id, **data}})


def _order(graph: Graph, outputs: list[str]) -> list[str]:
    """Inputs before those that need them."""
    found: dict[str, None] = {}

    def visit(key: str) -> None:
        if key in found:
            return
        for value in graph[key]["inputs"].values():
            if is_link(value):
                visit(value[0])
        found[key] = None

    for end in outputs:
        visit(end)
    return list(found)
