"""Tables and findings as files for other tools."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import polars as pl

from traceview import __version__
from traceview.analysis import Analysis
from traceview.capture import Capture
from traceview.episodes.schema import EPISODES
from traceview.perfetto import perfetto
from traceview.report.redact import Level
from traceview.rules.builtin import load_rules
from traceview.rules.registry import Rule, Severity
from traceview.scan import scan
from traceview.serialise import findings_frame, json_text
from traceview_parsers.errors import TraceviewError, UsageError

FORMATS = ("parquet", "arrow", "csv", "ndjson", "perfetto", "sarif", "junit")
ONE_FILE = {"perfetto": "trace.perfetto.json", "sarif": "findings.sarif", "junit": "findings.junit.xml"}
"""The file of each form that is no form of tables."""
_CSV_TIME = "%Y-%m-%dT%H:%M:%S%.9f%z"
"""As polars writes times of the other columns."""
_SARIF_LEVEL = {
    Severity.critical: "error",
    Severity.high: "error",
    Severity.medium: "warning",
    Severity.low: "note",
    Severity.info: "none",
}


def export(
    capture: Capture,
    folder: Path,
    form: str,
    redaction: Level = "none",
    inputs: Iterable[Path] = (),
    *,
    force: bool = False,
) -> list[Path]:
    """Write the capture into `folder` and return the files: ``DIR/<table>.<ext>``, or one file (perfetto, sarif, junit).

    The raw log (`log`) is only written without redaction: redaction works on what was analysed. What is read (`inputs`) is
    never overwritten, other files only with `force`. Both are found out before the capture is analysed.

    Raises UsageError for an unknown form and where a file would be overwritten, OSError where the folder or a file cannot
    be written.
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form}: choose one of {', '.join(FORMATS)}")
    if form in ONE_FILE:
        files = {form: folder / ONE_FILE[form]}
    else:
        of_sources = capture.trace.tables if redaction == "none" else ()
        files = {name: folder / f"{name}.{form}" for name in (*EPISODES, "events", "findings", *of_sources)}
    _spare(inputs, files.values(), force=force)
    analysis = capture.redacted(redaction)
    folder.mkdir(parents=True, exist_ok=True)  # not before: an analysis may fail
    if form == "perfetto":
        return [_write(files[form], json_text(perfetto(analysis)))]
    if form == "sarif":
        return [_write(files[form], json_text(sarif(analysis), indent=1))]
    if form == "junit":
        return [_write(files[form], junit(analysis))]
    frames = _frames(capture, analysis)
    return [_write_table(frames[name], file, form) for name, file in files.items()]


def _frames(capture: Capture, analysis: Analysis) -> dict[str, pl.LazyFrame]:
    tables = {**analysis.episodes, "events": analysis.events, "findings": findings_frame(analysis.findings)}
    frames = {name: frame.lazy() for name, frame in tables.items()}
    if analysis.redaction == "none":
        frames |= {name: scan(capture.trace, name) for name in capture.trace.tables}
    return frames


def _spare(inputs: Iterable[Path], files: Iterable[Path], *, force: bool) -> None:
    """Raise UsageError where one of `files` is an input, lies in a folder that is one, or is there and not to be replaced."""
    read = [one.resolve() for one in inputs if one.exists()]
    there = [file for file in files if file.exists()]
    for file in there:
        if any(file.resolve().is_relative_to(one) or file.samefile(one) for one in read):
            raise UsageError(f"{file} belongs to an input, which is not overwritten; name another folder with -o")
    if there and not force:
        more = f", and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]} exists{more}; use --force to overwrite or -o for another folder")


def _write_table(frame: pl.LazyFrame, path: Path, form: str) -> Path:
    part = path.with_name(f"{path.name}.{token_hex(4)}.part")  # two exports into one folder write no file together
    try:
        _write_as(frame, part, form)
        return part.replace(path)
    except pl.exceptions.PolarsError as error:
        raise TraceviewError(f"{path}: cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _write_as(frame: pl.LazyFrame, part: Path, form: str) -> None:
    """Write batch by batch, so that a log larger than the memory can be exported."""
    if form == "parquet":
        frame.sink_parquet(part, compression="zstd")
    elif form == "arrow":
        frame.sink_ipc(part)
    elif form == "csv":
        flat(frame).sink_csv(part)
    else:
        frame.sink_ndjson(part)


def flat(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the frame as CSV can hold it: lists joined by blanks, and no text that a spreadsheet takes for a formula.

    Such text (OWASP, CSV injection: it begins with ``=``, ``+``, ``-``, ``@``, tab or return) gets an apostrophe.
    """
    joined = frame.with_columns(
        pl.col(name).list.eval(_as_text(kind.inner)).list.join(" ")
        for name, kind in frame.collect_schema().items()
        if isinstance(kind, pl.List)
    )
    texts = pl.col(pl.String, pl.Categorical)
    return joined.with_columns(texts.cast(pl.String).str.replace(r"^[=+\-@\t\r]", "'${0}"))


def _as_text(kind: object) -> pl.Expr:
    """Expression over the elements of a list: their text, of times as in the other columns."""
    return pl.element().dt.strftime(_CSV_TIME) if isinstance(kind, pl.Datetime) else pl.element().cast(pl.String)


def sarif(analysis: Analysis) -> dict[str, Any]:
    """Return findings as SARIF 2.1.0 (OASIS); a location names the source file and its line or record."""
    lines = {row["ref"]: row for row in analysis.lines.iter_rows(named=True)}
    results = []
    for finding in analysis.findings:
        places = [lines[ref] for ref in finding.evidence if ref in lines][:10]
        results.append(
            {
                "ruleId": finding.rule,
                "level": _SARIF_LEVEL[finding.severity],
                "message": {"text": f"{finding.title}\n{finding.explanation}\n{finding.advice}"},
                "partialFingerprints": {"traceview/v1": finding.fingerprint},
                "locations": [_location(place) for place in places],
            }
        )
    rules = _sarif_rules({finding.rule for finding in analysis.findings})
    driver = {"name": "traceview", "version": __version__, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _sarif_rules(names: set[str]) -> list[dict[str, Any]]:
    known = {rule.id: rule for rule in load_rules()[0]}
    described: list[dict[str, Any]] = []
    for name in sorted(names):
        rule = known.get(name)
        more = {} if rule is None else _sarif_rule(rule)
        described.append({"id": name, **more})
    return described


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    text = {"shortDescription": {"text": rule.title}, "fullDescription": {"text": rule.why}, "help": {"text": rule.fix}}
    return {**text, **({"helpUri": rule.links[0]} if rule.links else {})}


def _location(place: dict[str, Any]) -> dict[str, Any]:
    region: dict[str, Any] = {"snippet": {"text": place["message"] or ""}}
    physical = {"artifactLocation": {"uri": quote(place["source"], errors="replace")}, "region": region}
    if place["place"]:  # a row of a database has no line number
        return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": place["place"]}]}
    region["startLine"] = max(int(place["position"]), 1)
    return {"physicalLocation": physical}


def junit(analysis: Analysis) -> str:
    """Return findings as JUnit XML: one test case a finding (info passes), one skipped case a rule not evaluated."""
    suite = ET.Element("testsuite", name=_xml(f"traceview {analysis.capture.name}"))
    failures = 0
    for finding in analysis.findings:
        case = ET.SubElement(suite, "testcase", classname=finding.rule, name=_xml(finding.title))
        if finding.severity > Severity.info:
            failures += 1
            failure = ET.SubElement(case, "failure", type=finding.severity.name, message=_xml(finding.title))
            failure.text = _xml(f"{finding.explanation}\n{finding.advice}")
    for rule in analysis.not_evaluated:
        case = ET.SubElement(suite, "testcase", classname=rule.rule, name=rule.title)
        ET.SubElement(case, "skipped", message=f"needs {rule.needs}")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    suite.set("skipped", str(len(analysis.not_evaluated)))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _xml(text: str) -> str:
    """Drop characters that XML 1.0 cannot hold."""
    return "".join(_xml_characters(text))


def _xml_characters(text: str) -> Iterator[str]:
    for character in text:
        allowed = character in "\t\n\r" or "\x20" <= character <= "\ud7ff" or character >= "\ue000"
        yield character if allowed and character not in "\ufffe\uffff" else "\ufffd"


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", errors="replace")
    return path
