"""What was heard back, as it is kept: answers, reports and drafts, verdicts on quoracy."""
