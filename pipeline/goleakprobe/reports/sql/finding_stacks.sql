-- Example stacks of $signatures, leaf first: of each of $builds one, and of all one. Of several it
-- is the newest whose go statement is known, else the newest.
WITH told AS (
  SELECT
    signature,
    coalesce(build_id, '') AS build_id,
    coalesce(creation_site, '') AS creation_site,
    frames,
    first_seen_ns,
    kafka_offset
  FROM stacks
  WHERE list_contains($signatures, signature)
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY signature, build_id ORDER BY worth) AS of_build,
    row_number() OVER (PARTITION BY signature ORDER BY worth) AS of_all
  FROM (SELECT *, (creation_site = '', -first_seen_ns, -kafka_offset) AS worth FROM told)
)
SELECT signature, build_id, creation_site, frames
FROM ranked
WHERE of_all = 1 OR (of_build = 1 AND list_contains($builds, build_id))
ORDER BY signature, of_all
