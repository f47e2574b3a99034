// Property tests draw the same cases in every run, so that a red run can be repeated; RATCHET_TEST_SEED explores others.
import fc from 'fast-check';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['RATCHET_TEST_SEED'] ?? 20_261_125) });
