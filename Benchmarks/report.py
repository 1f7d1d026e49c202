"""What the benchmarks print: a table for people, or one JSON object a line."""

import json


class Report:
    """Rows of one run; `ratio` is ours divided by the other's, measured side by side."""

    def __init__(self, as_json):
        self.as_json = as_json

    def heading(self, bench, text):
        if not self.as_json:
            print(f"\n{bench}: {text}\n{'case':<22}{'value':>12} {'unit':<9}{'against':<14}{'theirs':>10}{'ratio':>8}")

    def row(self, bench, case, value, unit, against=None, theirs=None):
        ratio = value / theirs if against and theirs else None
        if self.as_json:
            row = {"bench": bench, "case": case, "value": round(value, 3), "unit": unit, "against": against}
            row["ratio"] = None if ratio is None else round(ratio, 3)
            print(json.dumps(row), flush=True)
        else:
            other = f"{against:<14}{theirs:>10.1f}{ratio:>8.2f}" if ratio is not None else ""
            print(f"{case:<22}{value:>12.2f} {unit:<9}{other}".rstrip(), flush=True)
