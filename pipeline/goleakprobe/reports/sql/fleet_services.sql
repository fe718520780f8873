-- Every service that was scraped in the window, with what its live instances hold now.
-- An instance counts as live for $live_ns after its latest scrape, measured against the latest
-- scrape of its service.
WITH scrapes AS (
  SELECT
    namespace, service, instance, time_ns,
    any_value(total) AS total
  FROM snapshots
  WHERE source IN ('debug0', 'debug1', 'debug2')
  GROUP BY ALL
),
instances AS (
  SELECT
    namespace, service, instance,
    count(*) AS scrapes,
    max(time_ns) AS newest_ns,
    arg_max(total, time_ns) AS total
  FROM scrapes
  GROUP BY ALL
),
dated AS (
  SELECT *, max(newest_ns) OVER (PARTITION BY namespace, service) - newest_ns <= $live_ns AS live
  FROM instances
)
SELECT
  namespace,
  service,
  count(*) AS instances_seen,
  count(*) FILTER (live) AS instances_live,
  coalesce(sum(total) FILTER (live), 0)::BIGINT AS goroutines,
  sum(scrapes)::BIGINT AS scrapes,
  max(newest_ns) AS newest_ns
FROM dated
GROUP BY ALL
ORDER BY namespace, service
