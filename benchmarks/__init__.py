"""Speed and error of every part, beside other tools on the same data; `python -m benchmarks` runs them."""
