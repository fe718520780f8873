"""Online detectors: pure, vectorised over keys, one a file."""

from goleakprobe_agents.detection.dual_window import (
    DualWindow,
    DualWindowParameters,
    calibrate_rejection,
)
from goleakprobe_agents.detection.evidence_engine import EvidenceEngine, EvidenceParameters
from goleakprobe_agents.detection.fast_rise import FastRise
from goleakprobe_agents.detection.models import MODELS, OnlineModels
from goleakprobe_agents.detection.protocol import Detector, Verdicts
from goleakprobe_agents.detection.rising_floor import RisingFloor, RisingFloorParameters
from goleakprobe_agents.detection.survival import IdentitySurvival, SurvivorCeiling, Survivors

__all__ = [
    "MODELS",
    "Detector",
    "DualWindow",
    "DualWindowParameters",
    "EvidenceEngine",
    "EvidenceParameters",
    "FastRise",
    "IdentitySurvival",
    "OnlineModels",
    "RisingFloor",
    "RisingFloorParameters",
    "SurvivorCeiling",
    "Survivors",
    "Verdicts",
    "calibrate_rejection",
]
