"""Whether a note is what it claims to be: Schnorr signature, ring signature, and how a note carries them."""
