"""What Poise does without: optional packages, how they are imported, and what adds them to this installation."""
