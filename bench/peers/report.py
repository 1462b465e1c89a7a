"""The readings as Markdown and as JSON."""

import statistics


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def rows(comparison):
    """The table's rows: Kelvin, then its peers."""
    ours = comparison.ours
    readings = [pair[0] for side in comparison.peers for pair in side.pairs if pair[0]]
    best = min if comparison.unit == "ms" else max

    def figures(readings):
        return [number(statistics.median(r.median for r in readings)), number(best(r.best for r in readings))]

    nothing = ["–", "–"]
    yield [ours.name, *(figures(readings) if readings else nothing), ours.failure and f"could not run: {ours.failure}"]
    for side in comparison.peers:
        if not side.pairs:
            yield [side.name, *nothing, f"could not run: {side.failure or 'unknown'}"]
            continue
        ratios = [comparison.times_as_fast(ours.median, theirs.median) for ours, theirs in side.pairs if ours]
        said = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
        if side.failure:
            said += f"; stopped after {len(side.pairs)} rounds: {side.failure}"
        yield [side.name, *figures([theirs for _, theirs in side.pairs]), said]


def markdown(chosen, facts):
    lines = ["# Kelvin and its peers", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += [
        "",
        "The median of the turns' medians, and the best of all readings. The last column is taken within each pair of",
        "turns: median (least to most); above 1 Kelvin is faster.",
    ]
    for comparison in chosen:
        lines += ["", f"## {comparison.name}, {comparison.unit}", ""]
        fastest = "fastest" if comparison.unit == "ms" else "best"
        lines += [f"| | median | {fastest} | Kelvin's speed ÷ the peer's |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows(comparison)]
        first = max((theirs.first_call_s for side in comparison.peers for _, theirs in side.pairs), default=0)
        if first > 1:
            lines += ["", f"Not counted: the first call, compilation included, took up to {first:.0f} s."]
    return "\n".join(lines) + "\n"


def as_json(chosen, facts):
    return {
        "machine": facts,
        "comparisons": [
            {
                "name": comparison.name,
                "unit": comparison.unit,
                "ours_failure": comparison.ours.failure,
                "peers": [
                    {
                        "name": side.name,
                        "failure": side.failure,
                        "pairs": [{"ours": o and vars(o), "theirs": vars(t)} for o, t in side.pairs],
                    }
                    for side in comparison.peers
                ],
            }
            for comparison in chosen
        ],
    }
