-- What the best live trial of each group is worth beside the luck of so many; as in the macro
-- `deflated`, a step a level.
with
{{tries}},
  families as (
    select
      label, count(*) as trials,
      arg_max(
        {ratio: sharpe, year: year, n: n_returns, skew: skew, kurtosis: kurtosis}, ratio
      ) filter (live) as best
    from lake_annual group by label
  ),
  beside as (
    select
      families.label, trials, unnest(best),
      case when deviation / best.year > 1e-12 then deviation * lake_expected_max(trials) end as luck
    from families left join lake_spread on families.label is not distinct from lake_spread.label
  ),
  factors as (
    select *, 1 - skew * ratio + (kurtosis - 1) / 4 * ratio * ratio as factor from beside
  ),
  scores as (
    select
      *,
      case
        when n >= 12 and factor > 0 then (ratio - luck / year) * sqrt((n - 1) / factor)
      end as score
    from factors
  )
select label, trials, luck as expected_max_sharpe, lake_normal_cdf(score) as dsr from scores
