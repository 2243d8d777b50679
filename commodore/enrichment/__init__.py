"""What a case knows of a value: hosts, times, records, and facts of sources that the analyst gives.

    kinds.py     kinds of values (address, name, hash, account, program), the fields that hold them, their normal form
    seen.py      map: the values of one host, sorted → entities/<collection>.jsonl.zst
    entities.py  reduce: the values of all hosts, merged in one pass, with the facts of the sources → entities.jsonl.zst
    sources/     one file per source of facts: addresses, hash lists, NSRL, LOLBAS, drivers

Records are never changed: facts stand beside them, each with its source, and are joined when they are read.
"""
