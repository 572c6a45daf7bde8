"""A drawn person, whom networks for people take for one, and where its joints are."""

import cv2
import numpy as np

SIDE = 480
JOINTS = {
    "nose": (240, 99),
    "left_eye": (250, 93),
    "right_eye": (230, 93),
    "left_shoulder": (272, 150),
    "right_shoulder": (208, 150),
    "left_elbow": (312, 200),
    "right_elbow": (172, 205),
    "left_wrist": (331, 146),
    "right_wrist": (149, 253),
    "left_hip": (258, 250),
    "right_hip": (222, 250),
    "left_knee": (272, 345),
    "right_knee": (212, 345),
    "left_ankle": (279, 425),
    "right_ankle": (207, 425),
    "left_foot_index": (297, 444),
    "right_foot_index": (192, 444),
}
"""px of the drawing: those where the limbs' ends were drawn."""

SKIN, SHIRT, TROUSERS, HAIR, SHOES = (
    (140, 165, 215),
    (150, 70, 40),
    (70, 50, 45),
    (30, 40, 60),
    (40, 40, 40),
)


def background(width=SIDE, height=SIDE):
    """A wall and a floor."""
    image = np.full((height, width, 3), (196, 200, 190), np.uint8)
    image[int(0.69 * height) :] = (120, 130, 140)
    return cv2.GaussianBlur(image, (0, 0), 8)


def draw_person(image=None, *, shirt=SHIRT):
    """Draw the person into a square of 480 px."""
    image = background() if image is None else image.copy()
    for side, (hip, knee, ankle, heel, toe) in {
        "right": ((222, 250), (212, 345), (206, 430), (206, 434), (192, 444)),
        "left": ((258, 250), (272, 345), (280, 430), (281, 434), (297, 444)),
    }.items():
        limb(image, hip, knee, 19, 13, TROUSERS)
        limb(image, knee, ankle, 13, 8, TROUSERS)
        limb(image, heel, toe, 8, 6, SHOES)
        shoulder, elbow, wrist = (JOINTS[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
        limb(image, shoulder, elbow, 12, 10, shirt)
        limb(image, elbow, wrist, 9, 7, SKIN)
        hand = np.array(wrist) + 8 * (np.subtract(wrist, elbow) / np.linalg.norm(np.subtract(wrist, elbow)))
        cv2.circle(image, tuple(hand.astype(int).tolist()), 8, SKIN, -1, cv2.LINE_AA)
    trunk = [(202, 142), (278, 142), (280, 165), (268, 215), (272, 258), (208, 258), (212, 215), (200, 165)]
    cv2.fillPoly(image, [np.array(trunk)], shirt, cv2.LINE_AA)
    limb(image, (240, 125), (240, 145), 11, 12, SKIN)
    _head(image)
    return image


def _head(image):
    cv2.ellipse(image, (240, 95), (25, 32), 0, 0, 360, SKIN, -1, cv2.LINE_AA)
    cv2.ellipse(image, (240, 80), (27, 24), 0, 180, 360, HAIR, -1, cv2.LINE_AA)
    for x in (230, 250):
        cv2.ellipse(image, (x, 93), (4, 2), 0, 0, 360, (250, 250, 250), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 93), 2, (40, 30, 20), -1, cv2.LINE_AA)
        cv2.line(image, (x - 6, 86), (x + 6, 86), HAIR, 2, cv2.LINE_AA)
    cv2.line(image, (240, 95), (238, 104), (110, 130, 180), 2, cv2.LINE_AA)
    cv2.ellipse(image, (240, 112), (8, 3), 0, 0, 180, (90, 90, 180), -1, cv2.LINE_AA)
    for x in (215, 265):
        cv2.ellipse(image, (x, 97), (4, 7), 0, 0, 360, SKIN, -1, cv2.LINE_AA)


def limb(image, a, b, ra, rb, colour):  # noqa: PLR0917
    for along in np.linspace(0, 1, 60):
        x, y = np.array(a) + along * np.subtract(b, a)
        cv2.circle(image, (int(x), int(y)), int(ra + (rb - ra) * along), colour, -1, cv2.LINE_AA)


def moved(image, matrix, size):
    """Move a drawing by an affine map (2, 3), onto a canvas of the background's colours."""
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)


def joints(matrix=None):
    """The joints' names, and where they are (joints, 2), px, after a move."""
    xy = np.array(list(JOINTS.values()), dtype=float)
    if matrix is not None:
        xy = xy @ matrix[:, :2].T + matrix[:, 2]
    return list(JOINTS), xy
