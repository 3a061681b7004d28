"""cfn-lint on what fsdcf compiles: in-process, cached, and told in terms of the spec."""
