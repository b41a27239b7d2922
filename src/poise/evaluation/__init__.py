"""Every number that the project quotes about accuracy."""

from poise.evaluation.average_precision import BOX_AREA, THRESHOLDS, average_precision, match, yolo_oks
from poise.evaluation.coco import (
    KeypointScores,
    bootstrap_keypoints,
    coco_rows,
    coco_truth,
    evaluate_keypoints,
    read_truth,
)
from poise.evaluation.instances import Expected, Found, Matches, match_boxes, match_keypoints
from poise.evaluation.metrics import PoseMetrics, Scores

__all__ = [
    "BOX_AREA",
    "THRESHOLDS",
    "Expected",
    "Found",
    "KeypointScores",
    "Matches",
    "PoseMetrics",
    "Scores",
    "average_precision",
    "bootstrap_keypoints",
    "coco_rows",
    "coco_truth",
    "evaluate_keypoints",
    "match",
    "match_boxes",
    "match_keypoints",
    "read_truth",
    "yolo_oks",
]
