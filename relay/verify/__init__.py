"""Verification of notes: the Schnorr signature, the ring signature, and how a note carries them."""
