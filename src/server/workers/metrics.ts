import { AggregatorRegistry } from 'prom-client'
import Type from 'typebox'
import Value from 'typebox/value'

/** The topic under which workers are asked for their metrics. */
export const METRICS = 'metrics'

const ReadSchema = Type.Object({ worker: Type.Integer(), metrics: Type.Array(Type.Object({})) })

type ProcessMetrics = readonly object[]

/** What a worker answers. */
export function metricsAnswer(worker: number, metrics: ProcessMetrics): string {
  return JSON.stringify({ worker, metrics })
}

/**
 * Adds up the metrics of all processes, in the text format of Prometheus. Counters never go back: what workers that
 * are gone had counted when they were last asked stays in the sum.
 */
export function createMetricSum(
  ask: () => Promise<readonly string[]>,
  own: () => Promise<ProcessMetrics>,
): () => Promise<string> {
  const seen = new Map<number, ProcessMetrics>()
  let departed: ProcessMetrics = []
  return async () => {
    const answers = (await ask()).map(readAnswer)
    const present = new Set(answers.map(({ worker }) => worker))
    for (const [worker, metrics] of seen) {
      if (present.has(worker)) continue
      seen.delete(worker)
      departed = await AggregatorRegistry.aggregate([departed, metrics.filter(isCounter)]).getMetricsAsJSON()
    }
    for (const { worker, metrics } of answers) seen.set(worker, metrics)
    const all = [await own(), ...answers.map(({ metrics }) => metrics), departed]
    return AggregatorRegistry.aggregate(all).metrics()
  }
}

function readAnswer(text: string) {
  return Value.Parse(ReadSchema, JSON.parse(text))
}

function isCounter(metric: object): boolean {
  return 'type' in metric && metric.type === 'counter'
}
