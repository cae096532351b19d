"""CPU time, and a calibration loop beside it that shows what the machine did meanwhile."""

import json
import time

__all__ = ["Meter", "calibrate"]

_DOCUMENT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 20}}] * 20}


def calibrate() -> float:
    """Give the CPU seconds of a fixed piece of work like ours: JSON, dicts, calls, text; the better of two."""
    times: list[float] = []
    for _ in range(2):
        begun = time.process_time()
        for number in range(60):
            read = json.loads(json.dumps(_DOCUMENT))
            counts = {f"{place}": place + number for place in range(300)}
            "".join(sorted(counts, key=counts.__getitem__)).encode()
            sum(len(choice["message"]["content"]) for choice in read["choices"])
        times.append(time.process_time() - begun)
    return min(times)


class Meter:
    """CPU seconds of batches, each with the calibration loop before and after it."""

    def __init__(self) -> None:
        self.batches: list[tuple[float, float]] = []
        self._mark = calibrate()

    def add(self, seconds: float) -> None:
        """Take what one thing of a batch that just ended took."""
        before, self._mark = self._mark, calibrate()
        self.batches.append((seconds, (before + self._mark) / 2))
