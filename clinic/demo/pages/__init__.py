"""The therapies: their words, treatments, safety questions and claims, one module each."""

from . import acupuncture, alexander, classes, coaching, herbs, idd, joints, laser, massage

THERAPIES = (
    acupuncture.THERAPY,
    massage.THERAPY,
    joints.THERAPY,
    idd.THERAPY,
    laser.THERAPY,
    classes.THERAPY,
    alexander.THERAPY,
    herbs.THERAPY,
    coaching.THERAPY,
    coaching.SUPERVISION,
)
