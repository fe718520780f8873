"""Random faults during a seeded load, and whether every event became its rows exactly once.

``python -m chaos --rounds 10 --broker embedded`` (see README.md, or ``make chaos``).
"""
