"""Device memory, lent out by a pool as CuPy lends it: freed memory is used again in stream order.

Memory that nobody has written holds 0xFF bytes, which are a NaN in every type of float, and so does
memory that has been freed, once its stream gets there.
"""

from bisect import bisect_right, insort
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cupy import _devices
from cupy._errors import OutOfMemoryError, missing
from cupy._queues import Queue, Work, leftovers, lock, refuse_while_capturing, settle
from cupy._streams import current_queue

POISON = 0xFF
ROUNDED_TO = 512  # CuPy's pool does; addresses are multiples of it


class Chunk:
    """Host memory that plays device memory."""

    def __init__(self, size: int) -> None:
        whole = np.empty(size + ROUNDED_TO, np.uint8)
        start = -whole.ctypes.data % ROUNDED_TO
        self.bytes = whole[start : start + size]
        self.bytes.fill(POISON)
        self.ptr, self.size = self.bytes.ctypes.data, size


class Block:
    """The record of one allocation. It outlives the allocation in queues and graphs."""

    __slots__ = ("alive", "chunk", "device", "ptr", "queue", "size")

    def __init__(self, chunk: Chunk, size: int, device: int, queue: Queue) -> None:
        self.chunk, self.size, self.device, self.queue = chunk, size, device, queue
        self.ptr, self.alive = chunk.ptr, True


class Memory:
    """Owns an allocation: it is freed when the last array on it is gone."""

    def __init__(self, block: Block, free: Callable[[Block], None]) -> None:
        self.block, self._free = block, partial(free, block)
        self.ptr, self.size, self.device_id = block.ptr, block.size, block.device

    def __del__(self) -> None:
        self.block.alive = False
        leftovers.append(self._free)


class MemoryPointer:
    """An address in an allocation."""

    def __init__(self, mem: Memory | None, offset: int) -> None:
        self.mem = mem
        self.ptr = 0 if mem is None else mem.ptr + offset
        self.device_id = _devices.current() if mem is None else mem.device_id

    def __getattr__(self, name: str) -> Any:
        raise missing("MemoryPointer", name)


class MemoryPool:
    """The memory of one device; freed chunks wait for an allocation of their size and stream."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._waiting: dict[tuple[Queue, int], list[Chunk]] = {}
        self._used = self._free = 0
        self._addresses: list[int] = []
        self._blocks: dict[int, Block] = {}

    def malloc(self, size: int) -> MemoryPointer:
        """Return poisoned memory; within a capture, refuse."""
        refuse_while_capturing(self._device, f"{size} bytes were allocated")
        if size == 0:
            return MemoryPointer(None, 0)
        settle()
        with lock:
            queue, rounded = current_queue(), -(-size // ROUNDED_TO) * ROUNDED_TO
            waiting = self._waiting.get((queue, rounded))
            if waiting:
                chunk = waiting.pop()
                self._free -= rounded
            else:
                self._forget_ended_streams()
                if self._used + self._free + rounded > _devices.BYTES:
                    self.free_all_blocks()
                if self._used + rounded > _devices.BYTES:
                    raise OutOfMemoryError(size, self._used)
                chunk = Chunk(rounded)
            self._used += rounded
            block = Block(chunk, size, self._device, queue)
            insort(self._addresses, block.ptr)
            self._blocks[block.ptr] = block
            return MemoryPointer(Memory(block, self._release), 0)

    def _release(self, block: Block) -> None:
        """Free: for the host at once, so that others may have it; the poison in stream order."""
        with lock:
            del self._blocks[block.ptr]
            del self._addresses[bisect_right(self._addresses, block.ptr) - 1]
            chunk, queue = block.chunk, block.queue
            self._used -= chunk.size
            self._free += chunk.size
            self._waiting.setdefault((queue, chunk.size), []).append(chunk)
            queue.add(Work("free", lambda: chunk.bytes.fill(POISON)), even_in_capture=True)
            if not queue.capture and len(queue.pending) == 1 and not queue.pending[0].after:
                queue.wait()  # nothing came before it

    def _forget_ended_streams(self) -> None:
        for queue, size in [key for key in self._waiting if key[0].abandoned]:
            self._free -= size * len(self._waiting.pop((queue, size)))

    def find(self, address: int) -> Block | None:
        """Return the allocation that the address is in."""
        settle()
        with lock:
            place = bisect_right(self._addresses, address) - 1
            block = self._blocks[self._addresses[place]] if place >= 0 else None
            return block if block and address < block.ptr + block.size else None

    def free_bytes_of_device(self) -> int:
        settle()
        return _devices.BYTES - self._used - self._free

    def used_bytes(self) -> int:
        settle()
        return self._used

    def free_bytes(self) -> int:
        settle()
        return self._free

    def total_bytes(self) -> int:
        settle()
        return self._used + self._free

    def n_free_blocks(self) -> int:
        settle()
        return sum(map(len, self._waiting.values()))

    def free_all_blocks(self, stream: Any = None) -> None:
        settle()
        with lock:
            self._waiting.clear()
            self._free = 0

    def __getattr__(self, name: str) -> Any:
        raise missing("MemoryPool", name)


_pools: dict[int, MemoryPool] = {}


def pool(device: int) -> MemoryPool:
    with lock:
        if device not in _pools:
            _pools[device] = MemoryPool(device)
        return _pools[device]


class CurrentPool:
    """CuPy's default pool: of whichever device is current."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pool(_devices.current()), name)


default_pool = CurrentPool()
