"""How long the parts of an ordinary grown-up are, as shares of standing height.

Source:
    Drillis and Contini (1966), as printed by Winter, Biomechanics and Motor Control of Human Movement, 4th ed. 2009,
    figure 4.1.
"""

from __future__ import annotations

TRUNK = 0.818 - 0.530  # shoulder to hip
UPPER_ARM, FOREARM = 0.186, 0.146
THIGH, SHANK = 0.245, 0.246
# From shoulder to shoulder. Winter's is the body's breadth; keypoints lie in the joints, and are nearer: the 90th
# percentile of clips that show somebody from the front is 0.17 to 0.21. The joints' is right for keypoints; the breadth
# stays where limits were set with it: the ruler of repetitions and the heights of postures.
SHOULDER_BREADTH, SHOULDER_JOINTS = 0.259, 0.20
# Of somebody who stands: shoulders to hips over the distance between the shoulder joints.
TRUNK_A_WIDTH = 1.4
# The middle of the hand lies this many forearms beyond the wrist. Source: table 4.1 there: forearm 0.146 and hand 0.108
# of the height, the hand's centre at 0.506 of its length.
HAND_BEYOND = 0.37

# By the words in the names of a limb's ends.
SHARES = {
    ("shoulder", "elbow"): UPPER_ARM,
    ("elbow", "wrist"): FOREARM,
    ("hip", "knee"): THIGH,
    ("knee", "ankle"): SHANK,
    ("hip", "shoulder"): TRUNK,
}
