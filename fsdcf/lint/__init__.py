"""cfn-lint for compiled templates: in-process, cached, with findings in terms of the spec."""
