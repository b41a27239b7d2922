"""Every number that the project quotes about accuracy."""

from poise.evaluation.analysis import Analysis, Paired, analyse, compare_metrics, intervals
from poise.evaluation.average_precision import THRESHOLDS, average_precision, match
from poise.evaluation.bootstrap import Interval
from poise.evaluation.coco_protocol import coco_rows_of, score_by_coco
from poise.evaluation.confusion import Confusion, confuse
from poise.evaluation.instances import Expected, Found, Matches, match_boxes, match_keypoints
from poise.evaluation.metrics import Evidence, PoseMetrics, Scores
from poise.evaluation.tracking import TrackingScores, evaluate_tracking
from poise.geometry import BOX_AREA

__all__ = [
    "BOX_AREA",
    "THRESHOLDS",
    "Analysis",
    "Confusion",
    "Evidence",
    "Expected",
    "Found",
    "Interval",
    "Matches",
    "Paired",
    "PoseMetrics",
    "Scores",
    "TrackingScores",
    "analyse",
    "average_precision",
    "coco_rows_of",
    "compare_metrics",
    "confuse",
    "evaluate_tracking",
    "intervals",
    "match",
    "match_boxes",
    "match_keypoints",
    "score_by_coco",
]
