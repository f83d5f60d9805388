"""Settings from the environment, validated whole at start: each problem is told at once, with what to do."""
