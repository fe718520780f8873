"""The parts of ``goleakprobe demo``: real leaking Go programs, and what is known about them."""

from __future__ import annotations
