#!/usr/bin/env python3
"""Which initial three digits of ZIP codes say too much: 45 CFR 164.514(b)(2)(i)(B).

Usage: build_zip3.py zip-code-population.csv > src/deidentify/zip3.txt

Input: `ZCTA,population` of the 2020 census, one per line, `#` before comments. Output: the prefixes
whose ZIP code tabulation areas hold 20,000 people or fewer together, one per line; then, behind a
line `none`, those in which the census counted nobody. Both are written as 000. What is not of three
digits is none of the two and is refused by the program.
"""
import collections
import sys


def main(path):
    people = collections.Counter()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            zcta, population = line.strip().split(",")
            if len(zcta) != 5 or not zcta.isdigit():
                raise SystemExit(f"not a ZCTA: {zcta}")
            people[zcta[:3]] += int(population)
    few = sorted(p for p, n in people.items() if 0 < n <= 20_000)
    none = [f"{i:03}" for i in range(1000) if people[f"{i:03}"] == 0]
    print("\n".join(few + ["none"] + none))


if __name__ == "__main__":
    main(sys.argv[1])
