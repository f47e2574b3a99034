// The step that runs on the GPU worker (gpu-worker/ratchet_gpu/activity.py), declared by its contract.
import type { TrainAdapterInput, TrainAdapterOutput } from '../core/contracts/training.ts';

export interface GpuActivities {
  trainAdapter(input: TrainAdapterInput): Promise<TrainAdapterOutput>;
}
