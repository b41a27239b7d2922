"""What is measured on bodies and hands: joint angles, lengths of limbs, heights. Pure functions on arrays."""
