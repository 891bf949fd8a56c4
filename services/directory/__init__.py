"""Who there is: agencies, teams, channels, children, families, involvements; and what was known of them when."""
