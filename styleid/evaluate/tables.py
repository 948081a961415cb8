"""A report as text for people, as JSON and CSV, and as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets.files import write_atomically
from .charts import as_png, report_charts
from .report import Report

__all__ = ["attack_line", "csv_tables", "short_lines", "write_report"]

Row = Mapping[str, Any]


def write_report(report: Report, folder: str | Path) -> list[Path]:
    """Write report.json, the tables as .csv and the charts as .png (pixels only) into `folder`; files of an earlier
    report are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"report.json": (json.dumps(report.to_dict(), indent=1) + "\n").encode()}
    contents |= {f"{name}.csv": text.encode() for name, text in csv_tables(report).items()}
    charts = report_charts(report.data, report.faces)
    contents |= {f"{name}.png": as_png(chart) for name, chart in charts.items()}
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]


def csv_tables(report: Report) -> dict[str, str]:
    """The report's tables by name, as CSV text."""
    data = report.data
    tables: dict[str, Iterable[Row]] = {
        "faces": report.faces,
        "attributes": data["attributes"].get("each", ()),
        "attackers": [
            {"recogniser": who, "role": data["identity"][who]["role"], "attack": name} | _flat(attack)
            for who, attacks in data["reidentification"].items()
            for name, attack in attacks.items()
        ],
        "methods": [_flat(method) for method in data["baselines"].get("methods", ())],
    }
    return {name: _csv(list(rows)) for name, rows in tables.items() if rows}


def short_lines(data: Mapping[str, Any]) -> list[str]:
    """The report in a page of text: counts, the judges' figures, what was kept, the baselines."""
    faces = data["faces"]
    lines = [
        "pictures: " + ", ".join(f"{count} {name}" for name, count in data["pictures"].items() if count),
        "faces: " + ", ".join(f"{count} {name}" for name, count in faces.items()),
        f"people by {data['labels']['by']}: {data['labels']['identities']}",
        f"judge: {data['judge']}; chosen by: {_names(data['chosen_by'])}",
    ]
    for who, table in data["identity"].items():
        lines += _recogniser_lines(who, table, data)
    lines += _kept_lines(data)
    lines += _method_lines(data)
    return lines


def _recogniser_lines(who: str, table: Row, data: Row) -> list[str]:
    threshold = (
        "no threshold" if table["threshold"] is None else f"same person below {table['threshold']:.3f}"
    )
    seen = f"; trained on {table['trained_on']}" if table["trained_on"] else ""
    lines = [f"{who} ({table['role']}): {threshold}{seen}"]
    for kind, says in (("reconstruction", "mere reconstruction"), ("output", "output")):
        stats = table[kind]
        if stats["faces"]:
            beyond = f", beyond {_rate(stats.get('beyond'))}" if "beyond" in stats else ""
            lines.append(f"  {says}: distance {stats['mean']:.3f} (smallest {stats['smallest']:.3f}){beyond}")
    if table["output"].get("beyond_conservative"):
        rate = _rate(table["output"]["beyond_conservative"])
        lines.append(f"  beyond, with {table['output']['not_found']} not found taken for recognised: {rate}")
    for far, beyond in table["output"].get("beyond_measured_here", {}).items():
        limit = table["threshold_measured_here"][far]
        lines.append(
            f"  beyond {limit:.3f}, the threshold on these people at a false-accept rate of {far}: {beyond:.2f}"
        )
    for name, attack in data["reidentification"][who].items():
        lines.append(f"  {attack_line(name, attack)}")
    groups = data["diversity"][who]
    if "clusters_after" in groups:
        lines.append(
            f"  people told apart: {groups['clusters_before']} before, {groups['clusters_after']} after; collisions "
            f"{groups['collisions_before']['pairs']} before, {groups['collisions_after']['pairs']} after"
        )
    return lines


def attack_line(name: str, attack: Row) -> str:
    """One attack of a report as a line."""
    if "rank" not in attack:
        return f"{name}: {attack['note']}"
    text = f"{name}: rank-1 {_rate(attack['rank']['1'])} (guessing {attack['chance_rank_1']:.2f})"
    if attack.get("auc"):
        tars = [f"{far}: {_rate(rate)}" for far, rate in attack["tar"].items() if rate is not None]
        text += f", AUC {_rate(attack['auc'])}, EER {_rate(attack['eer'])}"
        text += f", TAR at FAR {', '.join(tars)}" if tars else ""
    text += f"; {attack['not_found']} of {attack['probes']} not found"
    if attack["not_found"]:
        text += f" (taken for recognised: rank-1 {_rate(attack['rank_conservative']['1'])}"
        text += f", AUC {_rate(attack['auc_conservative'])})" if attack.get("auc") else ")"
    return text


def _kept_lines(data: Row) -> list[str]:
    lines = []
    attributes, drift, background = data["attributes"], data["drift"], data["background"]
    if attributes.get("faces"):
        lines.append(
            f"attributes: {attributes['preserved']:.2f} preserved ({attributes['preserved_conservative']:.2f} with faces "
            f"not found), distance {attributes['distance']['mean']:.3f}"
        )
    moved = [
        f"{name} {drift[name]['mean']:.3f}"
        for name in drift
        if isinstance(drift[name], Mapping) and "mean" in drift[name]
    ]
    lines.append("drift: " + (", ".join(moved) or "not measured"))
    lines.append(
        f"background: {background['untouched']} of {background['pictures']} pictures untouched, largest difference "
        f"{background['largest']:.3f}" if "pictures" in background else f"background: {background['note']}"
    )  # fmt: skip
    quality = data["quality"]
    known = [f"{name} {quality[name]['mean']:.2f}" for name in ("psnr", "ssim") if "mean" in quality[name]]
    others = [f"{name} {value:.3f}" for name, value in quality.items() if isinstance(value, float)]
    lines.append("quality of the face crops: " + (", ".join([*known, *others]) or "not measured"))
    return lines + [f"{name}: {note}" for name, note in quality.items() if isinstance(note, str)]


def _method_lines(data: Row) -> list[str]:
    methods = data["baselines"].get("methods")
    if not methods:
        return [f"baselines: {data['baselines'].get('note', 'not measured')}"]
    judge = data["judge"]
    rows = [("on the same faces", "found", "distance", "beyond", "rank-1", "attributes", "SSIM")]
    for method in methods:
        if method["note"]:
            rows.append((method["method"], f"({method['note']})", *[""] * 5))
            continue
        seen = method["recognisers"][judge]
        values = (method["found"], seen["distance"], seen["beyond"], seen["rank_1"])
        values += (method["attributes_preserved"], method["ssim"])
        rows.append((method["method"], *("-" if value is None else f"{value:.2f}" for value in values)))
    widths = [max(len(row[n]) for row in rows if len(row[n]) < 20) for n in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _rate(interval: Row | None) -> str:
    if interval is None:
        return "-"
    spread = "" if interval["low"] is None else f" [{interval['low']:.2f}, {interval['high']:.2f}]"
    return f"{interval['value']:.2f}{spread}"


def _names(names: Any) -> str:
    return names if isinstance(names, str) else ", ".join(names)


def _flat(table: Row, prefix: str = "") -> dict[str, Any]:
    """Nested tables as columns with joined names; curves are left to the JSON."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name} ")
        elif not isinstance(value, list):
            flat[f"{prefix}{name}"] = value
    return flat


def _csv(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
