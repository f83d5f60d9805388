"""From a person to the account that he should have: declared rules, a pure evaluation, a pure policy."""
