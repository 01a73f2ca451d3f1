"""What has come of the parts so far, in files that are whole at every moment."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gpu_check_parts.page import page
from gpu_check_parts.part import Failures, Part, results_of
from gpu_check_parts.process import Run

Say = Callable[[str], None]
# More than this is cut out of a log's middle: files that come back from a machine have a limit.
LOG_CHARACTERS = 12_000_000


class Report:
    """The report; every change is saved at once.

    Args:
        folder: For report.json, gpu.md and the parts' logs.
        facts: What is known from the start: date, commit, device, modules.
        say: Prints, for what cannot be written.
    """

    def __init__(self, folder: Path, facts: dict[str, Any], say: Say) -> None:
        self.folder, self.facts, self.say = folder, facts, say
        self.parts: dict[str, dict[str, Any]] = {}
        self.started = time.monotonic()
        self._tried = False  # whether a part has ended that had to find out if a GPU is usable
        self._trouble = ""  # why the last attempt to write failed

    def begin(self, part: Part, bound: float) -> None:
        """Enter a part that is about to run."""
        self.parts[part.name] = {"status": "running", "bound_s": round(bound, 1), "results": []}
        for name in filter(None, (part.log, *part.writes)):
            with suppress(OSError):
                (self.folder / name).unlink()
        self.save()

    def progress(self, part: Part, run: Run) -> None:
        """Enter what a running part has told so far."""
        entry = self.parts[part.name]
        entry |= {"seconds": round(run.seconds, 1), "results": results_of(run.output.out)}
        entry["tail"] = run.output.tail
        self._log(part, run)
        self.save()

    def finish(self, part: Part, run: Run) -> None:
        """Enter how a part went."""
        status, failures = part.outcome(run)
        self.progress(part, run)
        entry = self.parts[part.name]
        self._tried = self._tried or part.tells_usable
        entry |= {"status": status, "exit": run.status, "failures": failures}
        if part.counts is not None:
            entry["counts"] = part.counts(run.output.out)
        if status == "passed":
            del entry["tail"]
        self.say(f"{part.name}: {status}, {run.seconds:.1f} s" + _listed(failures))
        if not self.save():
            self.say(json.dumps({part.name: entry}))

    def leave_out(self, part: Part, why: str) -> None:
        """Enter a part that is not run."""
        self.parts[part.name] = {"status": "left out", "why": why}
        self.save()

    def interrupt(self) -> None:
        """Enter that the whole was ended from outside."""
        for entry in self.parts.values():
            if entry["status"] == "running":
                entry["status"] = "interrupted"
        self.save()

    def conclude(self, left_out: Mapping[str, str]) -> None:
        """Enter what was not asked for, save, and say how it went."""
        for name, why in left_out.items():
            self.parts.setdefault(name, {"status": "left out", "why": why})
        whole = self.save()
        for why in dict.fromkeys(e["why"] for e in self.parts.values() if "why" in e):
            names = [name for name, entry in self.parts.items() if entry.get("why") == why]
            self.say(f"left out ({why}): {', '.join(names)}")
        if not whole:
            self.say(page(self.to_dict()))
        failed = [n for n, e in self.parts.items() if e["status"] not in ("passed", "left out")]
        verdict = "passed" if self.passed else f"FAILED: {', '.join(failed) or 'nothing ran'}"
        where = f"the report is in {self.folder}" if whole else "the report could not be written"
        self.say(f"{verdict}; {where}")

    @property
    def usable(self) -> bool | None:
        """Whether a part has computed something on the GPU; None if none has tried."""
        results = [r for entry in self.parts.values() for r in entry.get("results", ())]
        return any(r.get("usable") is True for r in results) or (False if self._tried else None)

    @property
    def passed(self) -> bool:
        """Whether something ran and nothing failed."""
        ran = [e["status"] for e in self.parts.values() if e["status"] != "left out"]
        return bool(ran) and set(ran) == {"passed"} and self.usable is not False

    def to_dict(self) -> dict[str, Any]:
        """Return the report, JSON-ready."""
        return {
            **self.facts,
            "seconds": round(time.monotonic() - self.started, 1),
            "passed": self.passed,
            "usable": self.usable,
            "parts": self.parts,
        }

    def save(self) -> bool:
        """Write report.json and gpu.md; return whether they could be written."""
        found = self.to_dict()
        written = self._write("report.json", json.dumps(found, indent=1) + "\n")
        try:
            text = page(found)
        except Exception as error:  # the figures are in report.json whatever the page makes of them
            text = f"The page could not be made of report.json: {type(error).__name__}: {error}\n"
        return self._write("gpu.md", text) and written

    def _log(self, part: Part, run: Run) -> None:
        if part.log:
            text = run.output.text
            if len(text) > LOG_CHARACTERS:
                half = LOG_CHARACTERS // 2
                text = f"{text[:half]}\n[... cut out ...]\n{text[-half:]}"
            self._write(part.log, text)

    def _write(self, name: str, text: str) -> bool:
        """Replace a file as a whole; return whether that was possible, and say once why not."""
        new = self.folder / f"{name}.new"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8", errors="replace")
            os.replace(new, self.folder / name)
        except OSError as error:
            trouble = error.strerror or str(error)
            if trouble != self._trouble:
                self.say(f"cannot write {self.folder / name}: {trouble}")
            self._trouble = trouble
            with suppress(OSError):
                new.unlink()
            return False
        return True


def _listed(failures: Failures, most: int = 10) -> str:
    lines = [f"\n  {f['name']}: {f['message']}".replace("\n", "\n    ") for f in failures[:most]]
    if len(failures) > most:
        lines.append(f"\n  and {len(failures) - most} more")
    return "".join(lines)
