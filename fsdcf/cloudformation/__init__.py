"""CloudFormation's own rules, once: functions, references, conditions, resource facts, and the difference of two
templates."""
