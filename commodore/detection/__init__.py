"""Detection over records: Sigma rules, indicators, and the persistence table.

detection = Detection.load([Path("rules")], [Path("iocs.txt")])
hits = detection.match(artefact, records, host)          # in a worker, right after parsing
findings = list(detection.findings(hits))                # ECS alerts, in a stable order
"""

from commodore.detection.detection import Detection
from commodore.finding import SEVERITIES
from commodore.hits import DetectionRule, Hit, Refusal

__all__ = ["SEVERITIES", "Detection", "DetectionRule", "Hit", "Refusal"]
