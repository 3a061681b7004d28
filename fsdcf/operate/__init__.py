"""Operations on a deployed service: status, logs, sessions, one-off tasks, restart, scaling, rollback, deletion."""
