"""fsdcf compiles FSD v1 service specs into CloudFormation templates for ECS on Fargate."""

__version__ = "0.1.0"
