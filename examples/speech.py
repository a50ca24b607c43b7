"""Generated audio that a speech detector takes for speech: a voice made of harmonics under moving formants.

Needs no recording and no licence. A glottal tone of about 120 Hz with some vibrato supplies the harmonics; three
resonances glide from vowel to vowel, four to the second; loudness rises and falls with each syllable, and a little
noise is breath.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RATE = 16_000
"""Samples a second."""

_VOWELS = [[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240], [530, 1840, 2480], [570, 840, 2410]]
_RESONANCES = [(90.0, 1.0), (110.0, 0.5), (170.0, 0.25)]
"""Width in Hz and strength of each formant."""
_SYLLABLES_A_SECOND = 4.0


def voice(seconds: float, generator: torch.Generator) -> Tensor:
    """Babble at a peak of 0.3."""
    time = torch.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 15 * torch.sin(2 * math.pi * 2.3 * time) + 8 * torch.sin(2 * math.pi * 5.1 * time)
    phase = 2 * math.pi * torch.cumsum(pitch / RATE, 0)

    syllable = time * _SYLLABLES_A_SECOND
    within = syllable % 1
    vowels = torch.tensor(_VOWELS, dtype=torch.float32)
    now, then = vowels[syllable.long() % len(vowels)], vowels[(syllable.long() + 1) % len(vowels)]
    glide = ((within - 0.7) / 0.3).clamp(0, 1).unsqueeze(1)
    formants = now * (1 - glide) + then * glide

    sound = torch.zeros_like(time)
    for harmonic in range(1, 34):
        frequency = harmonic * pitch
        loudness = torch.zeros_like(time)
        for index, (width, strength) in enumerate(_RESONANCES):
            loudness += strength / (1 + ((frequency - formants[:, index]) / width) ** 2)
        sound += loudness / (1 + harmonic / 20) * (frequency < 4000) * torch.sin(harmonic * phase)
    envelope = torch.sin(math.pi * within).clamp(min=0) ** 0.7
    sound = (sound + 0.02 * torch.randn(time.shape, generator=generator)) * envelope
    return 0.3 * sound / sound.abs().max()


def silence(seconds: float, generator: torch.Generator) -> Tensor:
    """The faint noise of a quiet room."""
    return 0.0005 * torch.randn(int(seconds * RATE), generator=generator)


def silence_voice_silence(seed: int = 0) -> Tensor:
    """Three seconds: 0.8 of silence, 1.4 of voice, 0.8 of silence."""
    generator = torch.Generator().manual_seed(seed)
    return torch.cat([silence(0.8, generator), voice(1.4, generator), silence(0.8, generator)])
