-- 6. What a Sharpe ratio is worth when it is the best of many. A family is all trials of the same
--    strategy, sweep or symbol, or all there are.
--      from deflated() order by dsr desc limit 10;
--      select * from runs join deflated('sweep') using (run_id) where dsr > 0.95;
--    Any other family is a list of runs; from `trials`, so that deleted and failed ones count:
--      from deflated('all', run_ids := (
--        select list(run_id) from trials where params ->> '/fast' = '10' and total_trades > 30));

-- P(Z <= z) of a standard normal, as DuckDB has no erf: W. J. Cody's rational approximation of
-- erfc (1969) on the whole half-line. Absolute error below 3e-12, and 3e-16 where |z| > 0.67.
create or replace temp macro lake_erfc(y) as
  exp(-y * y)
    * ((((((((2.15311535474403846e-8 * y + 5.64188496988670089e-1) * y + 8.88314979438837594) * y
      + 6.61191906371416295e1) * y + 2.98635138197400131e2) * y + 8.81952221241769090e2) * y
      + 1.71204761263407058e3) * y + 2.05107837782607147e3) * y + 1.23033935479799725e3)
    / ((((((((y + 1.57449261107098347e1) * y + 1.17693950891312499e2) * y
      + 5.37181101862009858e2) * y + 1.62138957456669019e3) * y + 3.29079923573345963e3) * y
      + 4.36261909014324716e3) * y + 3.43936767414372164e3) * y + 1.23033935480374942e3);
create or replace temp macro lake_normal_cdf(z) as
  0.5 + sign(z) * (0.5 - lake_erfc(abs(z) * sqrt(0.5)) / 2);

-- The z >= 0 that a standard normal exceeds with a probability from 1/2 down to 1e-11:
-- M. J. Wichura's AS 241 (1988), relative error about 1e-16.
create or replace temp macro lake_quantile_near(q, r) as
  q
    * (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r
      + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r
      + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080)
    / (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r
      + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r
      + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1);
create or replace temp macro lake_quantile_far(r) as
  (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r
    + 2.41780725177450611770e-1) * r + 1.27045825245236838258) * r + 3.64784832476320460504) * r
    + 5.76949722146069140550) * r + 4.63033784615654529590) * r + 1.42343711074968357734)
  / (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r
    + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r
    + 6.89767334985100004550e-1) * r + 1.67638483018380384940) * r + 2.05319162663775882187) * r
    + 1);
create or replace temp macro lake_upper_quantile(tail) as
  case
    when tail >= 0.075 then lake_quantile_near(0.5 - tail, 0.180625 - (0.5 - tail) ** 2)
    else lake_quantile_far(sqrt(-ln(tail)) - 1.6)
  end;

-- Expected maximum of n independent standard normals; 0 for one. 0.577... is Euler's constant.
create or replace temp macro lake_expected_max(n) as
  case
    when n = 1 then 0.0::double
    when n > 1 then
      (1 - 0.5772156649015329::double) * lake_upper_quantile(1.0::double / n)
        + 0.5772156649015329::double * lake_upper_quantile(1.0::double / (n * exp(1)))
  end;

-- Runs without a label form one family.
create or replace temp macro lake_family(family, strategy, sweep, symbol) as
  case family
    when 'strategy' then strategy
    when 'sweep' then coalesce(sweep, '')
    when 'symbol' then coalesce(symbol, '')
    when 'all' then ''
    else error(lake_refusal('family', family, ['strategy', 'sweep', 'symbol', 'all']))
  end;

-- Every run beside the luck of its family, which is made of the runs that the arguments leave:
-- trials, how many configurations were tried; expected_max_sharpe, the best annual Sharpe ratio
-- that luck alone would bring among so many; psr, the probability that the true Sharpe ratio is
-- above 0; dsr, that it is above that luck (Bailey & Lopez de Prado 2012, 2014). Of a fold they are
-- those of its configuration's stitched folds. NULL below 12 returns, where moments mean nothing,
-- where Sharpe ratios have no spread, and of runs that are not judged (see `part`).
-- One step a level: a macro's argument is evaluated wherever it stands.
create or replace temp macro deflated(
  family := 'strategy', strategy := null, symbol := null, timeframe := null, exit_rule := null,
  engine := null, sweep := null, study := null, fold := null, "sample" := null, run_ids := null
) as table
  with
{{tries.deflated}},
    beside as (
      select
        lake_annual.run_id as id, trials, sharpe, skew, kurtosis, ratio, year, deviation,
        deviation * lake_expected_max(trials) as luck,
        case when n_returns >= 12 then n_returns - 1 end as n
      from lake_annual
      join (select label as same, count(*) as trials from lake_trials group by label)
        on label is not distinct from same
      join (select label as spread_of, deviation from lake_spread)
        on label is not distinct from spread_of
    ),
    factors as (
      select *, 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe as factor from beside
    ),
    errors as (
      select
        *,
        case when factor > 0 then sqrt(n / factor) end as precision,
        case when deviation / year > 1e-12 then luck / year end as above
      from factors
    ),
    scores as (
      select *, sharpe * precision as z_zero, (sharpe - above) * precision as z_luck from errors
    )
  select
    run_id, nullif(label, '') as family, part, trials, ratio as sharpe_ratio,
    above * year as expected_max_sharpe,
    lake_normal_cdf(z_zero) as psr,
    lake_normal_cdf(z_luck) as dsr
  from lake_members left join scores on trial = id
  where not deleted;
