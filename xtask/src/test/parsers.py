"""Reads metrics with the parsers of prometheus_client, in the text format and as OpenMetrics.

usage: parsers.py FILE...

FILE ends in .text or .openmetrics. What has to come out stands in a file beside it that ends in .json (see
crates/metrics-core/examples/arbitrary.rs); where there is none, FILE has to be read without an error, and no series twice.
"""

import json
import math
import sys
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

PARSERS = {".text": text, ".openmetrics": openmetrics}


def series(name, labels, value):
    """What tells a series from others, and its value; formats write the bounds of buckets and quantiles differently."""
    numbers = {label: float(labels[label]) for label in ("le", "quantile") if label in labels}
    return (name, frozenset({**labels, **numbers}.items())), value


def same(wanted, value):
    # The parser makes integers of whole numbers, longer ones than any client reads. -0 is 0: the text formats write it so.
    wanted, value = float(wanted), float(value)
    return wanted == value or math.isnan(wanted) and math.isnan(value)


def problems(path):
    # Undecoded line ends: CR is a character like others.
    families = list(PARSERS[path.suffix](path.read_bytes().decode()))
    samples = [series(s.name, s.labels, s.value) for family in families for s in family.samples]
    found = dict(samples)
    if not found:
        yield "no series"
    if len(found) < len(samples):
        keys = [key for key, _ in samples]
        yield f"twice: {next(key for key in keys if keys.count(key) > 1)}"
    expected = path.with_suffix(".json")
    if expected.exists():
        yield from differences(path.suffix, json.loads(expected.read_text()), families, found)


def differences(suffix, expected, families, found):
    met = {family.name: family for family in families}
    for family in expected:
        name, kind = family["name"], family["kind"]
        translated = kind == "counter" and suffix == ".text"
        if kind == "counter" and name.endswith("_total"):
            # The name of the family, not of its samples.
            name, translated = name.removesuffix("_total"), False
        elif kind == "counter" and suffix == ".openmetrics":
            kind = "unknown"
        if name not in met:
            yield f"{name} is missing"
            continue
        if met[name].type != kind:
            yield f"{name} is a {met[name].type}, not a {kind}"
        # The parser of the text format takes white space off.
        if met[name].documentation.strip() != family["help"].strip():
            yield f"{name}: HELP is {met[name].documentation!r}, not {family['help']!r}"
        for sample, labels, value in family["series"]:
            # The parser of the text format gives all counters the names that they have in OpenMetrics.
            key, value = series(sample + "_total" if translated else sample, labels, value)
            if key not in found:
                yield f"missing: {key}"
            elif not same(value, seen := found.pop(key)):
                yield f"{key} is {seen}, not {value}"
    for name, labels in found:
        # The handler's own.
        if not name.startswith("metrics_handler_"):
            yield f"not put in: {name} {labels}"


def main(paths):
    said = []
    for path in map(Path, paths):
        try:
            said += [f"{path.name}: {line[:300]}" for line in problems(path)]
        except Exception as error:
            said.append(f"{path.name}: {type(error).__name__}: {error!s:.300}")
    print(*said[:5], sep="\n")
    if len(said) > 5:
        print(f"and {len(said) - 5} more")
    return bool(said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
