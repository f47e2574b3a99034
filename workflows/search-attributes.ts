// What runs can be searched by on Temporal's own page. The names are registered by the set-up command.
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

export const Workload = defineSearchAttributeKey('Workload', SearchAttributeType.KEYWORD);
export const DatasetDigest = defineSearchAttributeKey('DatasetDigest', SearchAttributeType.KEYWORD);
export const AdapterDigest = defineSearchAttributeKey('AdapterDigest', SearchAttributeType.KEYWORD);
export const Verdict = defineSearchAttributeKey('Verdict', SearchAttributeType.KEYWORD);

export const SEARCH_ATTRIBUTES = [Workload, DatasetDigest, AdapterDigest, Verdict];
